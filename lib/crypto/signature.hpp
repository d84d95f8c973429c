#pragma once
// The one verification rule (docs/format.md, "Signature"): s < L; the author key is a canonical point of prime order;
// R is not the identity and equals byte for byte the encoding of sB - hA, without cofactor.

#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

/// The author key is the canonical encoding of a point of prime order. About 60 us: ask once an author.
[[nodiscard]] bool is_author_key(const AuthorId& author);

/// The rest of the rule, for an author whose key passed is_author_key. About 43 us.
[[nodiscard]] bool signature_holds(const AuthorId& author, const OpId& id, const Signature& signature);

/// Checks that the linked library answers by the rule, on hostile vectors made on the spot (s + L, small-order and
/// mixed-order R, identity R, non-canonical and mixed-order keys). Libraries differ here, and a difference is two nodes
/// with two documents. About 1 ms; the first Verifier of a process calls it.
/// @errors internal: the library differs; names the vector and the library's version.
[[nodiscard]] Result<void> verification_self_test();

}  // namespace musher
