#include "audit/author_check.hpp"

#include <fmt/format.h>

#include "model/text.hpp"

namespace musher {
namespace {

bool test_and_set(std::vector<bool>& bits, EntryNumber number) {
  if (number >= bits.size()) bits.resize(number + 1);
  const bool before = bits[number];
  bits[number] = true;
  return before;
}

}  // namespace

void AuthorCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  const bool index_reported = row.own == FindingCode::prev_mismatch || row.own == FindingCode::index_back;
  if (!op.prev.is_zero()) {
    const OpEntry& prev = tables_.ops[tables_.ops.find(op.prev)];
    if (prev.seen && prev.reliable && !index_reported) check_index(row, prev);
  }
  check_branch(row);
}

void AuthorCheck::check_index(const AuditedRow& row, const OpEntry& prev) {
  const Op& op = row.op();
  const bool same_author = prev.author == tables_.ops[row.number].author;
  const std::uint64_t wanted = raw(prev.index) + 1;
  if (same_author && raw(op.index) == wanted) return;
  const FindingCode code = !same_author             ? FindingCode::prev_mismatch
                           : raw(op.index) > wanted ? FindingCode::index_gap
                                                    : FindingCode::index_back;
  Finding finding = finding_at(code, row, tables_);
  if (same_author) {
    finding.expected = std::to_string(wanted);
    finding.found = std::to_string(raw(op.index));
    finding.message = fmt::format("row {} has index {}, but its author's op before it, in row {}, has {}",
                                  raw(row.row()), raw(op.index), raw(prev.row), raw(prev.index));
  } else {
    finding.expected = to_hex(op.author.key);
    finding.found = to_hex(tables_.authors[prev.author].key);
    finding.message = fmt::format("row {} names {} in row {} as its author's op before, which another author wrote",
                                  raw(row.row()), short_name(prev.id), raw(prev.row));
  }
  findings_.add(std::move(finding));
}

void AuthorCheck::check_branch(const AuditedRow& row) {
  const EntryNumber author = tables_.ops[row.number].author;
  if (row.op().prev.is_zero()) {
    if (row.authentic && row.op().index == OpIndex{1} && test_and_set(began_, author)) report_branch(row);
    return;
  }
  OpEntry& prev = tables_.ops[tables_.ops.find(row.op().prev)];
  if (prev.author == kNoEntry) prev.author = author;
  if (prev.author != author) return;
  prev.continued = true;
  if (!row.authentic) return;
  if (prev.continued_for_sure) report_branch(row);
  prev.continued_for_sure = true;
}

void AuthorCheck::report_branch(const AuditedRow& row) {
  const Op& op = row.op();
  Finding finding = finding_at(FindingCode::equivocation, row, tables_);
  finding.found = to_hex(row.id.hash);
  finding.message = fmt::format(
      "author {} wrote two ops of index {} after the same op; the second is in row {}: one key on two branches",
      to_hex(op.author.key).substr(0, 12), raw(op.index), raw(row.row()));
  findings_.add(std::move(finding));
}

}  // namespace musher
