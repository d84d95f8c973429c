#include "audit/content_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace musher {

void ContentCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  if (op.kind == OpKind::erase) tables_.ops[tables_.ops.number_of(op.target)].erase_named = true;
  if (op.content_digest.is_zero() || row.stored.op.content) return;
  tables_.ops[row.number].lacks_content = true;
  without_content_.push_back(row.number);
}

/// One column of it was changed: the kind, or the target, or neither.
void ContentCheck::doubt(const OpRow& row) {
  const EntryNumber target = tables_.ops.find(row.op.op.target);
  if (target != kNoEntry && tables_.ops[target].lacks_content)
    tables_.ops[target].erase_named = true;
  else if (row.op.op.kind == OpKind::erase)
    doubt_erase(row.row);
}

std::uint64_t ContentCheck::possible_erases_after(RowId row) const {
  const auto after = std::ranges::upper_bound(doubted_erases_, row);
  return static_cast<std::uint64_t>(doubted_erases_.end() - after) + losses_.behind(row);
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
  std::uint64_t explained = 0;
  for (const EntryNumber number : std::views::reverse(without_content_)) {  // the last has the fewest rows behind it
    const OpEntry& entry = tables_.ops[number];
    if (entry.erase_named) continue;
    if (explained < possible_erases_after(entry.row)) {
      ++explained;
      continue;
    }
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
