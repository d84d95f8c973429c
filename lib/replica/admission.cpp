#include "replica/admission.hpp"

#include "model/canonical_bytes.hpp"
#include "replica/waiting_room.hpp"

namespace musher {
namespace {

QuarantinedOp quarantined(const SignedOp& op, std::string reason, const std::string& source, std::int64_t now_ms) {
  return {0, std::move(reason), source, now_ms, canonical_bytes(op.op), op.signature, op.content, op.salt};
}

/// Why an op that is valid in itself does not enter at once; empty when nothing stands against it.
Result<std::string> why_waiting(LogReader& log, const TrustPolicy& trust, const VerifiedOp& op) {
  for (const OpId& needed : dependencies(op.op())) {
    MUSHER_TRY(const auto facts, log.facts(needed));
    if (!facts) return "dependency_missing";
  }
  MUSHER_TRY(const bool heard, trust.effective(log, op.id(), op.op()));
  if (!heard) return trust.standing(op.op().author) == Standing::revoked ? "author_revoked" : "author_unknown";
  if (!op.op().content_digest.is_zero() && !op.content()) return "content_missing";
  return "";
}

bool is_waiting(const std::string& reason) {
  return reason == "dependency_missing" || reason == "author_unknown" || reason == "author_revoked" ||
         reason == "content_missing";
}

struct Settled {
  std::uint64_t entered = 0;
  std::optional<RowId> row;        ///< of `watched`
  std::optional<Reject> rejected;  ///< of `watched`
};

Result<Settled> settle(WriteTransaction& log, std::int64_t now_ms, const OpId& watched) {
  Settled settled;
  MUSHER_TRY(const auto kept, log.quarantine());
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  const Verifier verifier(log.info().document);
  WaitingRoom room(log, trust);
  std::map<OpId, QuarantinedOp> by_id;
  for (const QuarantinedOp& waiting : kept) {
    if (!is_waiting(waiting.reason)) continue;
    auto op = parse_canonical_bytes(waiting.canonical);
    if (!op) continue;
    auto verified = verifier.verify({*std::move(op), waiting.signature, waiting.content, waiting.salt});
    if (!verified) continue;
    by_id.emplace(verified->id(), waiting);
    room.add(*std::move(verified));
  }
  std::map<OpId, Reject> rejected;
  MUSHER_TRY(const auto entrants, room.entrants(rejected));
  for (const Entrant& entrant : entrants) {
    const QuarantinedOp& from = by_id.at(entrant.id);
    MUSHER_TRY(const RowId row,
               log.append(room.op(entrant.id), entrant.depth, from.source, now_ms, entrant.erases_now));
    MUSHER_CHECK(log.quarantine_remove(from.id));
    if (entrant.id == watched) settled.row = row;
    ++settled.entered;
  }
  for (const auto& [id, reject] : rejected) {
    QuarantinedOp refused = by_id.at(id);
    MUSHER_CHECK(log.quarantine_remove(refused.id));
    refused.reason = to_string(reject);
    MUSHER_CHECK(log.quarantine_add(refused));
    if (id == watched) settled.rejected = reject;
  }
  return settled;
}

}  // namespace

Result<std::uint64_t> settle_quarantine(WriteTransaction& log, std::int64_t now_ms) {
  MUSHER_TRY(const auto settled, settle(log, now_ms, OpId{}));
  return settled.entered;
}

Result<Verdict> admit(Replica& replica, SignedOp op, const std::string& source) {
  const std::int64_t now = replica.host().now_ms();
  const Verifier verifier(replica.log().info().document);
  auto verified = verifier.verify(op);
  MUSHER_TRY(auto log, replica.log().begin_write(replica.lock_timeout()));
  if (!verified) {
    MUSHER_CHECK(log->quarantine_add(quarantined(op, std::string(to_string(verified.error())), source, now)));
    MUSHER_CHECK(log->commit());
    return verified.error();
  }
  const OpId id = verified->id();
  MUSHER_TRY(const auto known, log->facts(id));
  if (known) return AlreadyKnown{};
  MUSHER_TRY(const auto trust, TrustPolicy::read(*log));
  MUSHER_TRY(const std::string reason, why_waiting(*log, trust, *verified));
  // Every op takes the same way in, so that there is one set of rules: through the quarantine, in one transaction.
  MUSHER_CHECK(log->quarantine_add(quarantined(op, reason.empty() ? "dependency_missing" : reason, source, now)));
  MUSHER_TRY(const Settled settled, settle(*log, now, id));
  MUSHER_CHECK(log->commit());
  if (settled.row) return Admitted{*settled.row, settled.entered - 1};
  if (settled.rejected) return *settled.rejected;
  return Waiting{reason};
}

}  // namespace musher
