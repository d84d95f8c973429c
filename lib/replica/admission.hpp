#pragma once
// The door for ops that others wrote: every op from a peer, an import or a quarantine goes through admit().

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "replica/replica.hpp"

namespace musher {

struct Admitted {
  RowId row{};
  std::uint64_t released = 0;  ///< quarantined ops that entered with it or because of it
};
struct AlreadyKnown {};
/// Kept in quarantine: it may enter later. reason: "dependency_missing", "author_unknown", "author_revoked" or
/// "content_missing".
struct Waiting {
  std::string reason;
};
using Verdict = std::variant<Admitted, AlreadyKnown, Waiting, Reject>;

/// Judges an op from anywhere and records the outcome; durable when it returns. Admitting a known op changes nothing.
/// A refused op is kept in quarantine with its Reject. An op of an author who is not allowed waits until an allowed
/// author's op depends on it, and then enters muted: no node is dead-locked by another's trust.
/// @errors busy, io: nothing was recorded.  @source docs/format.md "Validity"; Kleppmann 2022, section 4
[[nodiscard]] Result<Verdict> admit(Replica& replica, SignedOp op, const std::string& source);

/// What an op that is valid in itself waits for, by what the log has now: in the quarantine stands what it was when the
/// op came.
[[nodiscard]] Result<std::string> why_it_waits(LogReader& log, const TrustPolicy& trust, const Op& op,
                                               bool has_content);

/// What became of a batch of ops from a peer.
struct BatchReport {
  std::uint64_t admitted = 0;  ///< in the log now and not before: of the batch, and of the quarantine because of it
  std::uint64_t known = 0;
  std::uint64_t waiting = 0;  ///< of the batch, in quarantine
  /// The first op of the batch that breaks a rule about its dependencies, and the rule: no honest node has sent it.
  std::optional<std::pair<OpId, Reject>> rejected{};
  /// What ops of the batch depend on that is neither in the log nor waits, ascending. Then the record was stored
  /// without a mark: who has taken in all that is in front of an op has what it depends on.
  std::vector<OpId> missing{};
  /// The quarantine was full and gave up ops: where we got to in the log of any peer is forgotten.
  bool gave_up = false;
};

/// Admits ops of one peer in one transaction, in the order given; what admit() says of one op holds for each. With a
/// record it is stored in the same transaction, so that how far we got and what we have are never apart.
/// Cost: the batch's own ops, and of those that wait the ones that have to do with them.
/// @errors busy, io: nothing was recorded.
[[nodiscard]] Result<BatchReport> admit_batch(Replica& replica, std::span<const VerifiedOp> ops,
                                              const std::string& source, const std::optional<PeerRecord>& record);

/// Admits from the quarantine what may enter now (trust has changed, a dependency has come). In the caller's
/// transaction. Returns how many ops entered.
[[nodiscard]] Result<std::uint64_t> settle_quarantine(WriteTransaction& log, std::int64_t now_ms);

}  // namespace musher
