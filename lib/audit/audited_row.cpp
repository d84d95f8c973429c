#include "audit/audited_row.hpp"

#include "model/text.hpp"

namespace musher {

Finding finding_at(FindingCode code, const AuditedRow& row, const OpTables& tables) {
  const Op& op = row.op();
  Finding finding{.code = code, .row = row.row(), .op = row.id, .message = {}};
  if (op.kind == OpKind::insert) {
    finding.story = op.name;
  } else if (const OpEntry* target = tables.ops.seen(op.target)) {
    finding.story = tables.story_of(*target);
  }
  if (op.kind == OpKind::set) finding.field = op.name;
  return finding;
}

std::string short_name(const OpId& id) { return "op " + to_hex(id.hash).substr(0, 12); }

}  // namespace musher
