#pragma once
// A row on its way through the checks.

#include "audit/finding.hpp"
#include "audit/op_table.hpp"
#include "oplog/rows.hpp"

namespace musher {

struct AuditedRow {
  const OpRow& stored;
  OpId id;                         ///< its own; that of the column unless the column was changed
  EntryNumber number;              ///< its entry
  bool authentic = false;          ///< as its author signed it
  bool effective = false;          ///< heard, as far as trust is known
  std::optional<FindingCode> own;  ///< it has this finding already

  [[nodiscard]] const Op& op() const { return stored.op.op; }
  [[nodiscard]] RowId row() const { return stored.row; }
};

/// Calls with each id the op depends on; one that is named twice, twice.
template <class Use>
void for_each_dependency(const Op& op, const Use& use) {
  if (!op.prev.is_zero()) use(op.prev);
  if (!op.target.is_zero()) use(op.target);
  for (const OpId& parent : op.parents) use(parent);
}

/// A finding about this row, without its message.
[[nodiscard]] Finding finding_at(FindingCode code, const AuditedRow& row, const OpTables& tables);

/// "op 3f5a12...": enough to recognise, short enough for a sentence.
[[nodiscard]] std::string short_name(const OpId& id);

}  // namespace musher
