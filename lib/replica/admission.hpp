#pragma once
// The door for ops that others wrote: every op from a peer, an import or a quarantine goes through admit().

#include <string>
#include <variant>

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

/// Admits from the quarantine what may enter now (trust has changed, a dependency has come). In the caller's
/// transaction. Returns how many ops entered.
[[nodiscard]] Result<std::uint64_t> settle_quarantine(WriteTransaction& log, std::int64_t now_ms);

}  // namespace musher
