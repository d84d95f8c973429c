#include "audit/order_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "model/text.hpp"

namespace musher {
namespace {

std::string rows_text(RowId first, RowId last) {
  return first == last ? fmt::format("row {} is", raw(first)) : fmt::format("rows {} to {} are", raw(first), raw(last));
}

std::string decimal(std::uint64_t number) { return std::to_string(number); }

}  // namespace

bool OrderCheck::next_row(RowId row) {
  const RowId expected = next(last_);
  last_ = row;
  if (row == expected) return true;
  const bool reported = findings_.add({.code = FindingCode::rowid_gap,
                                       .row = expected,
                                       .expected = std::to_string(raw(expected)),
                                       .found = std::to_string(raw(row)),
                                       .message = fmt::format("{} not there: what stood there was deleted or moved",
                                                              rows_text(expected, RowId{raw(row) - 1}))});
  if (reported) losses_.add(expected, static_cast<std::uint64_t>(raw(row) - raw(expected)));
  return !reported;
}

void OrderCheck::unreadable(RowId first, RowId last) {
  if (findings_.wants(FindingCode::sqlite_corrupt))
    losses_.add(first, static_cast<std::uint64_t>(raw(last) - raw(first)) + 1);
  last_ = last;
}

OrderCheck::Entered OrderCheck::enter(const OpId& id, RowId row) {
  OpEntry& entry = tables_.ops[tables_.ops.number_of(id)];
  if (entry.seen) return Entered::again;
  const bool late = entry.extra != kNoEntry;
  if (late) {
    const OpEntry& needs_it = tables_.ops[entry.extra];
    findings_.add({.code = FindingCode::dependency_later,
                   .row = row,
                   .op = id,
                   .expected = fmt::format("before row {}", raw(needs_it.row)),
                   .found = fmt::format("row {}", raw(row)),
                   .message = fmt::format("{} stands in row {}, after {} in row {} that depends on it", short_name(id),
                                          raw(row), short_name(needs_it.id), raw(needs_it.row))});
  }
  entry.extra = kNoEntry;
  entry.author = kNoEntry;
  entry.seen = true;
  entry.row = row;
  return late ? Entered::late : Entered::in_order;
}

bool OrderCheck::row(const AuditedRow& row) {
  Depth deepest{0};
  bool all_there = true;
  bool all_known = true;
  for_each_dependency(row.op(), [&](const OpId& id) {
    OpEntry& entry = tables_.ops[tables_.ops.number_of(id)];
    entry.has_child = true;
    if (!entry.seen && entry.extra == kNoEntry) entry.extra = row.number;
    all_there = all_there && entry.seen;
    if (!entry.seen || !entry.depth_known)
      all_known = false;
    else
      deepest = std::max(deepest, entry.depth);
  });
  check_target(row);
  check_depth_and_seq(row, deepest, all_known);
  return all_there;
}

void OrderCheck::check_target(const AuditedRow& row) {
  const Op& op = row.op();
  const OpEntry* target = tables_.ops.seen(op.target);
  if (target == nullptr || !target->reliable || row.own == FindingCode::row_malformed) return;
  const bool right_kind = op.kind == OpKind::erase ? target->kind != OpKind::erase : target->kind == OpKind::insert;
  const bool right_story = !op.is_purge() || tables_.story_of(*target) == op.name;
  if (right_kind && right_story) return;
  Finding finding = finding_at(FindingCode::row_malformed, row, tables_);
  if (!right_kind) {
    finding.message = fmt::format("the {} in row {} names {}, which is of kind {}", to_string(op.kind), raw(row.row()),
                                  short_name(op.target), to_string(target->kind));
  } else {
    finding.expected = tables_.story_of(*target);
    finding.found = op.name;
    finding.message =
        fmt::format("the purge in row {} names another story than the item it deletes has", raw(row.row()));
  }
  findings_.add(std::move(finding));
}

void OrderCheck::check_depth_and_seq(const AuditedRow& row, Depth deepest, bool all_known) {
  OpEntry& entry = tables_.ops[row.number];
  entry.depth = row.stored.depth;
  entry.depth_known = true;
  if (!all_known) return;  // the column is all there is to go by
  const Depth depth = next(deepest);
  entry.depth = depth;
  if (row.stored.depth != depth) {
    Finding finding = finding_at(FindingCode::depth_mismatch, row, tables_);
    finding.expected = decimal(raw(depth));
    finding.found = decimal(raw(row.stored.depth));
    finding.message =
        fmt::format("row {} has depth {}; its dependencies give {}", raw(row.row()), *finding.found, *finding.expected);
    findings_.add(std::move(finding));
  }
  const std::uint64_t seq = raw(row.op().seq);
  if (row.op().kind != OpKind::erase && seq > raw(depth)) {
    Finding finding = finding_at(FindingCode::seq_out_of_bounds, row, tables_);
    finding.expected = fmt::format("1 to {}", raw(depth));
    finding.found = decimal(seq);
    finding.message = fmt::format("row {} has seq {}, above its depth {}: no honest writer can have counted that far",
                                  raw(row.row()), seq, raw(depth));
    findings_.add(std::move(finding));
  }
}

bool OrderCheck::tail_missing(RowId highest) {
  const bool reported =
      findings_.add({.code = FindingCode::tail_missing,
                     .row = next(last_),
                     .expected = std::to_string(raw(highest)),
                     .found = std::to_string(raw(last_)),
                     .message = fmt::format("the log ends at row {}, but the file remembers rows up to {}: {} cut off",
                                            raw(last_), raw(highest), rows_text(next(last_), highest))});
  if (reported) losses_.add(next(last_), static_cast<std::uint64_t>(raw(highest) - raw(last_)));
  return reported;
}

std::uint64_t OrderCheck::finish() {
  std::vector<std::pair<RowId, EntryNumber>> missing;  // by the first row that names it
  for (EntryNumber number = 0; number < tables_.ops.size(); ++number) {
    const OpEntry& entry = tables_.ops[number];
    if (!entry.seen && entry.extra != kNoEntry) missing.emplace_back(tables_.ops[entry.extra].row, number);
  }
  std::ranges::sort(missing);
  std::uint64_t explained = 0;
  for (const auto& [row, number] : missing) {
    if (explained < losses_.before(row)) {
      ++explained;
      continue;
    }
    const OpEntry& entry = tables_.ops[number];
    findings_.add(
        {.code = FindingCode::dependency_missing,
         .row = row,
         .op = tables_.ops[entry.extra].id,
         .expected = to_hex(entry.id.hash),
         .message = fmt::format("row {} depends on {}, which is not in this log", raw(row), short_name(entry.id))});
  }
  return explained;
}

}  // namespace musher
