#include "audit/ancestry_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
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
  Pass(OpTables& tables, const AncestryQuestions& questions, FindingList& findings, const std::function<bool()>& go_on)
      : tables_(tables), questions_(questions), findings_(findings), go_on_(go_on) {}

  /// False when go_on_ was asked and said so.
  bool row(const OpRow& row) {
    const EntryNumber number = number_of(row);
    if (number == kNoEntry) return true;
    const OpEntry& entry = tables_.ops[number];
    const Op known = entry.reliable ? without_unknown(row.op.op) : Op{};
    index_.add(entry.id, known);
    if (!entry.reliable) return true;
    check_list_seq(row, number, known);
    if (!entry.counts) return true;
    const EntryNumber reg = questions_.seq.register_of(row.op.op, tables_);
    if (reg == kNoEntry || reg == SeqCheck::kList || !questions_.seq.is_in_question(reg)) return true;
    return check_seq(row, number, registers_[reg]);
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
    known.kind = op.kind;
    known.name = op.name;
    known.prev = index_.contains(op.prev) ? op.prev : OpId{};
    known.target = index_.contains(op.target) ? op.target : OpId{};
    std::ranges::copy_if(op.parents, std::back_inserter(known.parents),
                         [&](const OpId& id) { return index_.contains(id); });
    return known;
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

  bool check_seq(const OpRow& row, EntryNumber number, RegisterLines& lines) {
    const CausalIndex::Place place = index_.place_of(tables_.ops[number].id);
    const Seq seq = row.op.op.seq;
    const auto highest = lines.highest_from(seq, place, index_, go_on_);
    if (!highest) return false;
    if (*highest >= seq) report(row, number, next(*highest));
    lines.note(place, seq);
    return true;
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
  const std::function<bool()>& go_on_;
  CausalIndex index_;
  std::unordered_map<EntryNumber, RegisterLines> registers_;
  std::deque<Seq> list_tops_;  ///< by op: the highest that it or an ancestor has in the list
};

}  // namespace

Result<void> answer_by_ancestry(LogReader& log, RowId last, OpTables& tables, const AncestryQuestions& questions,
                                FindingList& findings, const std::function<bool()>& go_on) {
  Pass pass(tables, questions, findings, go_on);
  RowGate gate;
  const auto scan = [&](RowId after) {
    return log.scan(after, last, [&](ScannedRow&& scanned) {
      if (!gate.admits(std::visit([](const auto& either) { return either.row; }, scanned))) return false;
      const auto* row = std::get_if<OpRow>(&scanned);
      if ((row != nullptr && !pass.row(*row)) || !go_on()) gate.stop();
      return !gate.stopped();
    });
  };
  MUSHER_CHECK(salvage_scan(log, last, gate, scan, [](RowId, RowId) {}));
  if (!gate.stopped() && questions.story != nullptr) MUSHER_CHECK(questions.story->hide_purged(pass.index(), go_on));
  return {};
}

}  // namespace musher
