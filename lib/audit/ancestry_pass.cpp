#include "audit/ancestry_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "audit/register_lines.hpp"
#include "audit/salvage_scan.hpp"
#include "crypto/hashing.hpp"
#include "document/causal_index.hpp"
#include "model/canonical_bytes.hpp"

namespace musher {
namespace {

class Pass {
 public:
  Pass(OpTables& tables, const AncestryQuestions& questions, FindingList& findings)
      : tables_(tables), questions_(questions), findings_(findings) {}

  void row(const OpRow& row) {
    const EntryNumber number = number_of(row);
    if (number == kNoEntry) return;
    const OpEntry& entry = tables_.ops[number];
    const Op known = entry.reliable ? without_unknown(row.op.op) : Op{};
    index_.add(entry.id, known);
    if (!entry.reliable) return;
    check_list_seq(row, number, known);
    const EntryNumber line = line_of(row, number);
    if (!entry.counts) return;
    const EntryNumber reg = questions_.seq.register_of(row.op.op, tables_);
    if (reg != kNoEntry && reg != SeqCheck::kList && questions_.seq.is_in_question(reg))
      check_seq(row, number, line, registers_[reg]);
  }

  [[nodiscard]] const CausalIndex& index() const { return index_; }

 private:
  /// The entry made from this very row.
  EntryNumber number_of(const OpRow& row) const {
    EntryNumber number = tables_.ops.find(row.id);
    if (number != kNoEntry && tables_.ops[number].row == row.row) return number;
    if (row.op.op.parents.size() > kMaxParents || row.op.op.name.size() > kMaxNameBytes ||
        row.op.op.actor.size() > kMaxActorBytes) {
      return kNoEntry;
    }
    number = tables_.ops.find(op_id(canonical_bytes(row.op.op)));
    return number != kNoEntry && tables_.ops[number].row == row.row ? number : kNoEntry;
  }

  /// Its dependencies as far as they came before it: what else is wrong has its own finding.
  Op without_unknown(const Op& op) const {
    Op known;
    known.prev = index_.contains(op.prev) ? op.prev : OpId{};
    known.target = index_.contains(op.target) ? op.target : OpId{};
    std::ranges::copy_if(op.parents, std::back_inserter(known.parents),
                         [&](const OpId& id) { return index_.contains(id); });
    return known;
  }

  /// An op takes its prev's line on, unless another op did before: an equivocation begins a line.
  EntryNumber line_of(const OpRow& row, EntryNumber number) {
    EntryNumber line = number;
    const auto prev = row.op.op.prev.is_zero() ? ends_.end() : ends_.find(tables_.ops.find(row.op.op.prev));
    if (prev != ends_.end()) {
      line = prev->second;
      ends_.erase(prev);
    }
    ends_.emplace(number, line);
    return line;
  }

  /// Every insert and delete counts in the list, so that it may have as many lines as the log has ops. What an op knows
  /// of it is the most that its dependencies know.
  void check_list_seq(const OpRow& row, EntryNumber number, const Op& known) {
    if (!questions_.seq.is_in_question(SeqCheck::kList)) return;
    Seq highest{0};
    for_each_dependency(known, [&](const OpId& id) {
      const EntryNumber dependency = tables_.ops.find(id);
      if (dependency < list_tops_.size()) highest = std::max(highest, list_tops_[dependency]);
    });
    const bool counts = tables_.ops[number].counts && questions_.seq.register_of(row.op.op, tables_) == SeqCheck::kList;
    const Seq seq = counts ? row.op.op.seq : Seq{0};
    if (counts && highest >= seq) report(row, number, next(highest));
    if (number >= list_tops_.size()) list_tops_.resize(number + std::size_t{1});
    list_tops_[number] = std::max(highest, seq);
  }

  void check_seq(const OpRow& row, EntryNumber number, EntryNumber line, RegisterLines& lines) {
    const OpId& id = tables_.ops[number].id;
    const Seq seq = row.op.op.seq;
    const Seq highest = lines.highest_from(seq, [&](std::span<const EntryNumber> ops) {
      std::vector<OpId> ids;
      ids.reserve(ops.size());
      for (const EntryNumber op : ops) ids.push_back(tables_.ops[op].id);
      return *index_.descends_from(id, ids);
    });
    if (highest >= seq) report(row, number, next(highest));
    lines.note(line, number, seq);
  }

  void report(const OpRow& row, EntryNumber number, Seq expected) {
    const AuditedRow audited{.stored = row, .id = tables_.ops[number].id, .number = number, .own = {}};
    Finding finding = finding_at(FindingCode::seq_regression, audited, tables_);
    finding.expected = std::to_string(raw(expected));
    finding.found = std::to_string(raw(row.op.op.seq));
    finding.message = fmt::format(
        "row {} has seq {} where its writer knew of seq {}: it began to count again, and what it wrote may lose",
        raw(row.row), *finding.found, raw(expected) - 1);
    findings_.add(std::move(finding));
  }

  OpTables& tables_;
  const AncestryQuestions& questions_;
  FindingList& findings_;
  CausalIndex index_;
  std::unordered_map<EntryNumber, EntryNumber> ends_;  ///< lines by their last op
  std::unordered_map<EntryNumber, RegisterLines> registers_;
  std::deque<Seq> list_tops_;  ///< by op: the highest that it or an ancestor has in the list
};

}  // namespace

Result<void> answer_by_ancestry(LogReader& log, RowId last, OpTables& tables, const AncestryQuestions& questions,
                                FindingList& findings, const std::function<bool()>& go_on) {
  Pass pass(tables, questions, findings);
  RowGate gate;
  const auto scan = [&](RowId after) {
    return log.scan(after, last, [&](ScannedRow&& scanned) {
      if (!gate.admits(std::visit([](const auto& either) { return either.row; }, scanned))) return false;
      if (const auto* row = std::get_if<OpRow>(&scanned)) pass.row(*row);
      if (!go_on()) gate.stop();
      return !gate.stopped();
    });
  };
  MUSHER_CHECK(salvage_scan(log, last, gate, scan, [](RowId, RowId) {}));
  if (!gate.stopped() && questions.story != nullptr) MUSHER_CHECK(questions.story->hide_purged(pass.index(), go_on));
  return {};
}

}  // namespace musher
