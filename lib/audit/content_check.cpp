#include "audit/content_check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace musher {

void ContentCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  if (op.kind == OpKind::erase) tables_.ops[tables_.ops.number_of(op.target)].erase_named = true;
  if (!op.content_digest.is_zero() && !row.stored.op.content) without_content_.push_back(row.number);
}

Result<void> ContentCheck::finish(LogReader& log, RowId last) {
  std::erase_if(without_content_, [&](EntryNumber number) { return tables_.ops[number].erase_named; });
  if (without_content_.empty()) return {};
  if (const auto now = log.last_row(); now && *now > last) {
    const auto scanned = log.scan(last, *now, [&](ScannedRow&& late) {
      const auto* row = std::get_if<OpRow>(&late);
      if (row == nullptr || row->op.op.kind != OpKind::erase) return true;
      const EntryNumber target = tables_.ops.find(row->op.op.target);
      if (target != kNoEntry) tables_.ops[target].erase_named = true;
      return true;
    });
    if (!scanned && scanned.error().code != Errc::damaged) return scanned;
  }
  for (const EntryNumber number : without_content_) {
    const OpEntry& entry = tables_.ops[number];
    if (entry.erase_named) continue;
    findings_.add(
        {.code = FindingCode::content_missing,
         .row = entry.row,
         .op = entry.id,
         .story = tables_.story_of(entry),
         .message = fmt::format("the content of row {} is gone, and no erase in the log names it", raw(entry.row))});
  }
  return {};
}

}  // namespace musher
