// admit_batch(): the short way in for ops in rowid order, whose dependencies are in the log already; whatever is not
// takes the long way through the quarantine.
#include <algorithm>

#include "model/canonical_bytes.hpp"
#include "replica/admission.hpp"
#include "replica/settlement.hpp"

namespace musher {
namespace {

class Batch {
 public:
  Batch(WriteTransaction& log, const TrustPolicy& trust, WaitingIndex& waiting_index, const std::string& source,
        std::int64_t now_ms)
      : log_(log), trust_(trust), waiting_index_(waiting_index), source_(source), now_ms_(now_ms) {}

  Result<void> take(const VerifiedOp& op) {
    MUSHER_TRY(const auto known, log_.facts(op.id()));
    if (known) {
      ++report_.known;
      return {};
    }
    std::vector<DependencyFacts> found;
    const std::size_t missing_before = report_.missing.size();
    MUSHER_TRY(const bool complete, find_dependencies(op.op(), found));
    if (!complete) {
      MUSHER_TRY(const auto verdict, earlier_verdict(op.id()));
      if (verdict) {
        if (!report_.rejected) report_.rejected.emplace(op.id(), *verdict);
        return {};
      }
      const bool all_wait = std::ranges::all_of(std::span(report_.missing).subspan(missing_before),
                                                [&](const OpId& id) { return waiting_index_.waits(id); });
      return wait(op, "dependency_missing", all_wait);
    }
    const auto depth = check_dependencies(op.op(), found);
    if (!depth) {
      if (!report_.rejected) report_.rejected.emplace(op.id(), depth.error());
      return keep(op, to_string(depth.error()));
    }
    if (lacks_content(op)) return wait(op, "content_missing");
    switch (trust_.standing(op.op().author)) {
      case Standing::allowed: return append(op, *depth, found);
      case Standing::revoked: return wait(op, "author_revoked");
      case Standing::unknown: return wait(op, "author_unknown");
    }
    return {};
  }

  /// Lets in what waits, and says what is missing still.
  Result<BatchReport> finish() {
    MUSHER_TRY(auto concerned, waiting_index_.may_enter(log_, trust_, news_));
    concerned.insert(concerned.end(), came_otherwise_.begin(), came_otherwise_.end());
    if (!concerned.empty()) {
      MUSHER_TRY(const Settled settled, settle_these(log_, trust_, now_ms_, concerned));
      report_.admitted += settled.entered;
      for (const OpId& id : settled.left) waiting_index_.remove(id);
      for (const Refused& refused : settled.refused) {
        if (refused.source == source_ && !report_.rejected) report_.rejected.emplace(refused.id, refused.why);
      }
    }
    std::ranges::sort(report_.missing);
    const auto rest = std::ranges::unique(report_.missing);
    report_.missing.erase(rest.begin(), rest.end());
    std::vector<OpId> missing;
    for (const OpId& id : report_.missing) {
      MUSHER_TRY(const auto known, log_.facts(id));
      if (!known && !waiting_index_.waits(id)) missing.push_back(id);
    }
    report_.missing = std::move(missing);
    return std::move(report_);
  }

  [[nodiscard]] bool wrote() const { return report_.admitted > 0 || report_.waiting > 0 || report_.rejected; }

 private:
  /// Of an op that broke a rule when what it depends on was here. Else it would be looked for anew each time it comes.
  Result<std::optional<Reject>> earlier_verdict(const OpId& id) {
    MUSHER_TRY(const auto copies, log_.quarantine_entries_of(id));
    for (const QuarantineEntry& copy : copies) {
      if (const auto rule = rule_broken(copy.reason)) return rule;
    }
    return std::nullopt;
  }

  Result<bool> find_dependencies(const Op& op, std::vector<DependencyFacts>& found) {
    bool complete = true;
    for (const OpId& id : dependencies(op)) {
      MUSHER_TRY(auto known, log_.facts(id));
      if (known) {
        found.push_back(*std::move(known));
      } else {
        complete = false;
        report_.missing.push_back(id);
      }
    }
    return complete;
  }

  Result<void> append(const VerifiedOp& verified, Depth depth, const std::vector<DependencyFacts>& found) {
    const Op& op = verified.op();
    const auto target = std::ranges::find(found, op.target, &DependencyFacts::id);
    const bool erases = op.kind == OpKind::erase && target != found.end() &&
                        (target->author == op.author || trust_.is_eraser(op.author));
    MUSHER_CHECK(log_.append(verified, depth, source_, now_ms_, erases));
    if (waiting_index_.waits(verified.id())) {
      came_otherwise_.push_back(verified.id());
      waiting_index_.remove(verified.id());
    }
    waiting_index_.appended(verified.id());
    if (waiting_index_.is_needed(verified.id())) news_.push_back(verified.id());
    ++report_.admitted;
    return {};
  }

  /// @param all_wait what it depends on and is not in the log waits: it may enter with that, and else with nobody.
  Result<void> wait(const VerifiedOp& op, std::string_view reason, bool all_wait = true) {
    ++report_.waiting;
    waiting_index_.add(op.id(), op.op(), lacks_content(op));
    // An op that nobody hears, needs or is erased by lets nobody in.
    const bool matters =
        trust_.would_hear(op.op().author) || op.op().kind == OpKind::erase || waiting_index_.is_needed(op.id());
    if (all_wait && matters) news_.push_back(op.id());
    // First, so that a copy without content never stands in the way of one with it.
    return keep(op, lacks_content(op) ? "content_missing" : reason);
  }

  Result<void> keep(const VerifiedOp& op, std::string_view reason) {
    MUSHER_TRY(const auto gone, log_.quarantine_add(quarantined(op.claim(), std::string(reason), source_, now_ms_)));
    for (const OpId& id : gone) {
      MUSHER_TRY(const auto copies, log_.quarantine_entries_of(id));
      if (copies.empty()) {
        waiting_index_.remove(id);
      } else if (std::ranges::none_of(copies, &QuarantineEntry::has_content)) {
        const auto parsed = parse_canonical_bytes(copies.front().canonical);
        if (parsed && !parsed->content_digest.is_zero()) waiting_index_.content_gone(id);
      }
    }
    return {};
  }

  // fixed after construction
  WriteTransaction& log_;
  const TrustPolicy& trust_;
  WaitingIndex& waiting_index_;
  const std::string& source_;
  const std::int64_t now_ms_;
  // what is found
  BatchReport report_;
  std::vector<OpId> news_;            ///< wait from now on, or are in the log and something waited for them
  std::vector<OpId> came_otherwise_;  ///< in the log now, and there is a copy that waits
};

}  // namespace

Result<BatchReport> admit_batch(Replica& replica, std::span<const VerifiedOp> ops, const std::string& source,
                                const std::optional<PeerRecord>& record) {
  MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
  MUSHER_TRY(const auto trust, replica.read_trust(*log));
  // Before the ops: what a full quarantine gives up takes the mark back.
  if (record) MUSHER_CHECK(log->set_peer(*record));
  MUSHER_CHECK(replica.waiting_index().refresh(*log));
  Batch batch(*log, trust, replica.waiting_index(), source, replica.host().now_ms());
  for (const VerifiedOp& op : ops) MUSHER_CHECK(batch.take(op));
  const bool wrote = batch.wrote() || record.has_value();
  MUSHER_TRY(BatchReport report, batch.finish());
  report.gave_up = log->gave_up();
  if (record && record->heard && !report.missing.empty()) {
    PeerRecord without_mark = *record;
    without_mark.heard_goes_on = true;
    without_mark.heard_before = std::exchange(without_mark.heard, std::nullopt);
    MUSHER_CHECK(log->set_peer(without_mark));
  }
  MUSHER_TRY(const QuarantineExtent extent, log->quarantine_extent());
  MUSHER_TRY(const Mark end, log->last_mark());
  if (wrote) MUSHER_CHECK(log->commit());
  replica.waiting_index().settled_at(extent, {end.row, end.chain});
  return report;
}

}  // namespace musher
