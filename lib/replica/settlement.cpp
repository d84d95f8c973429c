#include "replica/settlement.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "replica/waiting_room.hpp"

namespace musher {
namespace {

constexpr std::array kOfDependencies{Reject::prev_mismatch, Reject::target_mismatch, Reject::story_mismatch,
                                     Reject::seq_out_of_bounds};

}  // namespace

bool is_waiting(std::string_view reason) {
  return reason == "dependency_missing" || reason == "author_unknown" || reason == "author_revoked" ||
         reason == "content_missing";
}

std::optional<Reject> rule_broken(std::string_view reason) {
  const auto rule = std::ranges::find(kOfDependencies, reason, [](Reject each) { return to_string(each); });
  return rule == kOfDependencies.end() ? std::nullopt : std::optional(*rule);
}

namespace {

class Settlement {
 public:
  Settlement(WriteTransaction& log, const TrustPolicy& trust, std::int64_t now_ms, const Newcomer* newcomer)
      : log_(log), now_ms_(now_ms), newcomer_(newcomer), room_(log, trust), verifier_(log.info().document) {}

  Result<Settled> run() {
    if (newcomer_ != nullptr) {
      const VerifiedOp& op = newcomer_->op;
      room_.add(op.id(), op.op(), op.content().has_value());
    }
    MUSHER_CHECK(log_.scan_quarantine([&](const QuarantineEntry& entry) {
      load(entry);
      return true;
    }));
    return settle();
  }

  Result<Settled> run(std::span<const OpId> waiting) {
    std::vector<QuarantineEntry> entries;
    for (const OpId& id : waiting) {
      MUSHER_TRY(auto copies, log_.quarantine_entries_of(id));
      std::ranges::move(copies, std::back_inserter(entries));
    }
    std::ranges::sort(entries, {}, &QuarantineEntry::id);  // who came first goes first, whoever asks
    for (const QuarantineEntry& entry : entries) load(entry);
    return settle();
  }

 private:
  /// The rows of the quarantine that hold an op, under whatever reasons.
  struct Copies {
    std::vector<std::int64_t> rows;
    std::optional<std::int64_t> with_content;
  };
  /// What an entrant is appended from.
  struct Ready {
    VerifiedOp op;
    std::string source;
  };

  Result<Settled> settle() {
    MUSHER_CHECK(room_.judge(newcomer_ != nullptr ? std::optional(newcomer_->op.id()) : std::nullopt));
    MUSHER_TRY(const auto entering, verified_entrants());
    for (const Entrant& entrant : entering) MUSHER_CHECK(enter(entrant));
    for (const OpId& id : room_.stale()) MUSHER_CHECK(drop_copies(id));
    for (const auto& [id, reject] : room_.rejected()) MUSHER_CHECK(refuse(id, reject));
    return std::move(settled_);
  }

  [[nodiscard]] bool is_newcomer(const OpId& id) const { return newcomer_ != nullptr && newcomer_->op.id() == id; }

  void load(const QuarantineEntry& entry) {
    if (!is_waiting(entry.reason)) return;
    auto op = parse_canonical_bytes(entry.canonical);
    if (!op) return;
    const OpId id = op_id(entry.canonical);
    Copies& copies = copies_[id];
    copies.rows.push_back(entry.id);
    if (entry.has_content) copies.with_content = entry.id;
    room_.add(id, *std::move(op), entry.has_content);
  }

  Result<std::vector<Entrant>> verified_entrants() {
    while (true) {
      MUSHER_TRY(auto entering, room_.entrants());
      bool all_hold = true;
      for (const Entrant& entrant : entering) {
        MUSHER_TRY(const bool holds, make_ready(entrant.id));
        if (!holds) room_.take_out(entrant.id);
        all_hold &= holds;
      }
      if (all_hold) return entering;
    }
  }

  /// False when what is stored is not what was verified once: somebody changed the quarantine.
  Result<bool> make_ready(const OpId& id) {
    if (ready_.contains(id)) return true;
    const auto copies = copies_.find(id);
    const bool stored_has_more = copies != copies_.end() && copies->second.with_content;
    if (is_newcomer(id) && (newcomer_->op.content() || !stored_has_more)) {
      ready_.emplace(id, Ready{newcomer_->op, std::string(newcomer_->source)});
      return true;
    }
    const std::int64_t row = stored_has_more ? *copies->second.with_content : copies->second.rows.front();
    MUSHER_TRY(auto stored, log_.quarantined(row));
    if (!stored) return fail(Errc::internal, "a row of the quarantine is gone within one transaction");
    auto op = parse_canonical_bytes(stored->canonical);
    if (!op) return false;
    auto verified = verifier_.verify({*std::move(op), stored->signature, std::move(stored->content), stored->salt});
    if (!verified) return false;
    ready_.emplace(id, Ready{*std::move(verified), std::move(stored->source)});
    return true;
  }

  Result<void> enter(const Entrant& entrant) {
    const Ready& ready = ready_.at(entrant.id);
    MUSHER_TRY(const RowId row, log_.append(ready.op, entrant.depth, ready.source, now_ms_, entrant.erases_now));
    MUSHER_CHECK(drop_copies(entrant.id));
    if (is_newcomer(entrant.id)) settled_.row = row;
    ++settled_.entered;
    return {};
  }

  Result<void> drop_copies(const OpId& id) {
    settled_.left.push_back(id);
    const auto copies = copies_.find(id);
    if (copies == copies_.end()) return {};
    for (const std::int64_t row : copies->second.rows) MUSHER_CHECK(log_.quarantine_remove(row));
    return {};
  }

  Result<void> refuse(const OpId& id, Reject reject) {
    const std::string reason(to_string(reject));
    if (is_newcomer(id)) {
      settled_.rejected = reject;
      MUSHER_CHECK(drop_copies(id));
      MUSHER_CHECK(log_.quarantine_add(quarantined(newcomer_->op.claim(), reason, newcomer_->source, now_ms_)));
      return {};
    }
    MUSHER_TRY(auto stored, log_.quarantined(copies_.at(id).rows.front()));
    MUSHER_CHECK(drop_copies(id));
    if (!stored) return {};
    settled_.refused.push_back({id, reject, stored->source});
    stored->reason = reason;
    MUSHER_CHECK(log_.quarantine_add(*stored));
    return {};
  }

  // fixed after construction
  WriteTransaction& log_;
  const std::int64_t now_ms_;
  const Newcomer* newcomer_;
  // what is found
  WaitingRoom room_;
  const Verifier verifier_;
  std::unordered_map<OpId, Copies, IdHash> copies_;
  std::unordered_map<OpId, Ready, IdHash> ready_;
  Settled settled_;
};

}  // namespace

Result<Settled> settle(WriteTransaction& log, const TrustPolicy& trust, std::int64_t now_ms, const Newcomer* newcomer) {
  return Settlement(log, trust, now_ms, newcomer).run();
}

Result<Settled> settle_these(WriteTransaction& log, const TrustPolicy& trust, std::int64_t now_ms,
                             std::span<const OpId> waiting) {
  return Settlement(log, trust, now_ms, nullptr).run(waiting);
}

QuarantinedOp quarantined(const SignedOp& op, std::string reason, std::string_view source, std::int64_t now_ms) {
  return {0, std::move(reason), std::string(source), now_ms, canonical_bytes(op.op), op.signature, op.content, op.salt};
}

}  // namespace musher
