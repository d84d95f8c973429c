#pragma once
// Letting in what waits in quarantine, in the caller's transaction.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replica/trust_policy.hpp"

namespace musher {

/// A verified op that has just come and is in no table yet.
struct Newcomer {
  const VerifiedOp& op;
  std::string_view source;
};

/// An op that waited and broke a rule once all it depends on was here.
struct Refused {
  OpId id;
  Reject why{};
  std::string source{};  ///< of the first copy
};

struct Settled {
  std::uint64_t entered = 0;
  std::optional<RowId> row;        ///< of the newcomer
  std::optional<Reject> rejected;  ///< of the newcomer
  std::vector<Refused> refused;    ///< of those that waited
  std::vector<OpId> left;          ///< do not wait any more: in the log now or before, or refused
};

/// Whether an op in quarantine for this reason may enter later.
[[nodiscard]] bool is_waiting(std::string_view reason);

/// The rule that an op in quarantine for this reason broke once all it depends on was here: it never enters.
[[nodiscard]] std::optional<Reject> rule_broken(std::string_view reason);

/// Appends what may enter, dependencies first, and takes every copy of it out of the quarantine; an op that turned out
/// to break a rule stays there with its Reject. With a newcomer only what has to do with it is looked at. A newcomer
/// that neither enters nor is rejected is left to the caller.
/// Only ops that enter are verified again, each once: what waits was verified when it came.
[[nodiscard]] Result<Settled> settle(WriteTransaction& log, const TrustPolicy& trust, std::int64_t now_ms,
                                     const Newcomer* newcomer);

/// The same of these ops of the quarantine alone, each once, as if no other waited.
[[nodiscard]] Result<Settled> settle_these(WriteTransaction& log, const TrustPolicy& trust, std::int64_t now_ms,
                                           std::span<const OpId> waiting);

/// Its content has been erased, or was left out: it may enter only with an erase.
[[nodiscard]] inline bool lacks_content(const VerifiedOp& op) {
  return !op.op().content_digest.is_zero() && !op.content();
}

/// A row for the quarantine.
[[nodiscard]] QuarantinedOp quarantined(const SignedOp& op, std::string reason, std::string_view source,
                                        std::int64_t now_ms);

}  // namespace musher
