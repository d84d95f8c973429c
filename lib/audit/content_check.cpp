#include "audit/content_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "model/text.hpp"

namespace musher {

void ContentCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  if (op.kind == OpKind::erase) note_erase(row.stored);
  if (op.content_digest.is_zero() || row.stored.op.content) return;
  tables_.ops[row.number].lacks_content = true;
  const bool written_here = row.stored.source == "local" || row.stored.source == "client";
  without_content_.push_back({row.number, row.stored.received_ms, written_here});
}

void ContentCheck::note_erase(const OpRow& row) {
  const EntryNumber number = tables_.ops.number_of(row.op.op.target);
  OpEntry& target = tables_.ops[number];
  const bool is_its_own = target.reliable && tables_.authors[target.author] == row.op.op.author;
  if (is_its_own || !target.reliable || !erasers_ || erasers_->contains(row.op.op.author))
    target.erase_named = true;
  else
    muted_erases_.push_back({number, row.row, row.id, row.received_ms});
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

void ContentCheck::weigh_muted_erases() {
  for (const MutedErase& erase : muted_erases_) {
    const RowId row = tables_.ops[erase.target].row;
    const auto op = std::ranges::lower_bound(without_content_, row, {},
                                             [&](const Lacking& each) { return tables_.ops[each.number].row; });
    if (op == without_content_.end() || op->number != erase.target) continue;
    OpEntry& entry = tables_.ops[erase.target];
    op->muted_erase = true;
    if (entry.erase_named || op->written_here || op->received_ms != erase.received_ms) continue;
    entry.erase_named = true;
    report_withheld(entry, erase);
  }
}

/// Whoever sent it need not have erased it: an erase of one's own is enough to pass another's op on without content.
void ContentCheck::report_withheld(const OpEntry& op, const MutedErase& erase) {
  findings_.add(
      {.code = FindingCode::content_withheld,
       .row = op.row,
       .op = op.id,
       .story = tables_.story_of(op),
       .found = to_hex(erase.id.hash),
       .message = fmt::format("row {} came without its content, and with an erase in row {} that has no effect "
                              "here: another node may have the content",
                              raw(op.row), raw(erase.row))});
}

Result<void> ContentCheck::finish(LogReader& log, RowId last) {
  std::erase_if(without_content_, [&](const Lacking& op) { return tables_.ops[op.number].erase_named; });
  if (without_content_.empty()) return {};
  if (const auto now = log.last_row(); now && *now > last) {
    const auto scanned = log.scan(last, *now, [&](ScannedRow&& late) {
      const auto* row = std::get_if<OpRow>(&late);
      if (row == nullptr || row->op.op.kind != OpKind::erase) return true;
      if (tables_.ops.find(row->op.op.target) != kNoEntry) note_erase(*row);
      return true;
    });
    if (!scanned && scanned.error().code != Errc::damaged) return scanned;
  }
  weigh_muted_erases();
  std::uint64_t explained = 0;
  for (const Lacking& op : std::views::reverse(without_content_)) {  // the last has the fewest rows behind it
    const OpEntry& entry = tables_.ops[op.number];
    if (entry.erase_named) continue;
    if (explained < possible_erases_after(entry.row)) {
      ++explained;
      continue;
    }
    findings_.add({.code = FindingCode::content_missing,
                   .row = entry.row,
                   .op = entry.id,
                   .story = tables_.story_of(entry),
                   .message = fmt::format("the content of row {} is gone, and no erase in the log {} it",
                                          raw(entry.row), op.muted_erase ? "that was heard names" : "names")});
  }
  return {};
}

}  // namespace musher
