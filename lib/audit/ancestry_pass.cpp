#include "audit/ancestry_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "audit/salvage_scan.hpp"
#include "crypto/hashing.hpp"
#include "document/causal_index.hpp"
#include "model/canonical_bytes.hpp"

namespace musher {
namespace {

/// One author's ops on one register, in rowid order.
struct Lane {
  struct Step {
    EntryNumber op;
    Seq seq;
    Seq top;  ///< the highest so far
  };
  EntryNumber author;
  bool branched;  ///< its ops are not one line: an ancestor does not stand for those before it
  std::vector<Step> steps;
};

class Pass {
 public:
  Pass(OpTables& tables, const AncestryQuestions& questions, FindingList& findings)
      : tables_(tables), questions_(questions), findings_(findings) {}

  Result<void> row(const OpRow& row) {
    const EntryNumber number = number_of(row);
    if (number == kNoEntry) return {};
    const OpEntry& entry = tables_.ops[number];
    index_.add(entry.id, entry.reliable ? without_unknown(row.op.op) : Op{});
    if (!entry.counts) return {};
    const EntryNumber reg = questions_.seq.register_of(row.op.op, tables_);
    if (reg == kNoEntry || !questions_.seq.is_in_question(reg)) return {};
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
    known.prev = index_.contains(op.prev) ? op.prev : OpId{};
    known.target = index_.contains(op.target) ? op.target : OpId{};
    std::ranges::copy_if(op.parents, std::back_inserter(known.parents),
                         [&](const OpId& id) { return index_.contains(id); });
    return known;
  }

  Result<void> check_seq(const OpRow& row, EntryNumber number, std::vector<Lane>& lanes) {
    const Op& op = row.op.op;
    Seq highest{0};
    for (const Lane& lane : lanes) {
      if (lane.steps.back().top < std::max(op.seq, next(highest))) continue;
      MUSHER_TRY(const Seq top, highest_before(lane, tables_.ops[number].id));
      highest = std::max(highest, top);
    }
    if (highest >= op.seq) report(row, number, next(highest));
    note(lanes, number, op.seq);
    return {};
  }

  Result<Seq> highest_before(const Lane& lane, const OpId& descendant) const {
    const auto precedes = [&](const Lane::Step& step) { return *index_.precedes(tables_.ops[step.op].id, descendant); };
    if (!lane.branched) {
      const auto after = std::ranges::partition_point(lane.steps, precedes);
      return after == lane.steps.begin() ? Seq{0} : std::prev(after)->top;
    }
    Seq highest{0};
    for (const Lane::Step& step : lane.steps) {
      if (step.seq > highest && precedes(step)) highest = step.seq;
    }
    return highest;
  }

  void note(std::vector<Lane>& lanes, EntryNumber number, Seq seq) {
    const EntryNumber author = tables_.ops[number].author;
    auto lane = std::ranges::find(lanes, author, &Lane::author);
    if (lane == lanes.end()) {
      lanes.push_back({author, questions_.authors.has_branches(author), {}});
      lane = std::prev(lanes.end());
    }
    const Seq before = lane->steps.empty() ? Seq{0} : lane->steps.back().top;
    lane->steps.push_back({number, seq, std::max(before, seq)});
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
  std::unordered_map<EntryNumber, std::vector<Lane>> registers_;
};

}  // namespace

Result<void> answer_by_ancestry(LogReader& log, RowId last, OpTables& tables, const AncestryQuestions& questions,
                                FindingList& findings, const std::function<bool()>& go_on) {
  Pass pass(tables, questions, findings);
  Result<void> answered;
  RowGate gate;
  const auto scan = [&](RowId after) {
    return log.scan(after, last, [&](ScannedRow&& scanned) {
      if (!gate.admits(std::visit([](const auto& either) { return either.row; }, scanned))) return false;
      if (const auto* row = std::get_if<OpRow>(&scanned)) answered = pass.row(*row);
      if (!answered || !go_on()) gate.stop();
      return !gate.stopped();
    });
  };
  MUSHER_CHECK(salvage_scan(log, last, gate, scan, [](RowId, RowId) {}));
  MUSHER_CHECK(answered);
  if (!gate.stopped() && questions.story != nullptr) MUSHER_CHECK(questions.story->hide_purged(pass.index()));
  return {};
}

}  // namespace musher
