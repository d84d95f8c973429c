#include "replica/admission.hpp"

#include "replica/settlement.hpp"

namespace musher {

Result<std::string> why_it_waits(LogReader& log, const TrustPolicy& trust, const Op& op, bool has_content) {
  // First, so that a copy without content never stands in the way of one with it.
  if (!has_content && !op.content_digest.is_zero()) return "content_missing";
  for (const OpId& needed : dependencies(op)) {
    MUSHER_TRY(const auto facts, log.facts(needed));
    if (!facts) return "dependency_missing";
  }
  return trust.standing(op.author) == Standing::revoked ? "author_revoked" : "author_unknown";
}

Result<std::uint64_t> settle_quarantine(WriteTransaction& log, std::int64_t now_ms) {
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  MUSHER_TRY(const Settled settled, settle(log, trust, now_ms, nullptr));
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
  MUSHER_TRY(const auto known, log->facts(verified->id()));
  if (known) return AlreadyKnown{};
  MUSHER_TRY(const auto trust, replica.read_trust(*log));
  // Every op takes the same way in, so that there is one set of rules.
  const Newcomer newcomer{*verified, source};
  MUSHER_TRY(const Settled settled, settle(*log, trust, now, &newcomer));
  std::string reason;
  if (!settled.row && !settled.rejected) {
    MUSHER_TRY(reason, why_it_waits(*log, trust, verified->op(), verified->content().has_value()));
    MUSHER_CHECK(log->quarantine_add(quarantined(verified->claim(), reason, source, now)));
  }
  MUSHER_CHECK(log->commit());
  if (settled.row) return Admitted{*settled.row, settled.entered - 1};
  if (settled.rejected) return *settled.rejected;
  return Waiting{reason};
}

}  // namespace musher
