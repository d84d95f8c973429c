#pragma once
// Real signed ops for tests: keys, ops that pass every rule, and random ones.

#include <cstdint>
#include <random>
#include <string>

#include "crypto/verify.hpp"

namespace musher::testing {

/// The key pair of a number: the same in each run.
[[nodiscard]] Identity identity_of(std::uint8_t number);
[[nodiscard]] DocumentId test_document();
/// 32 bytes that are all this one.
[[nodiscard]] OpId op_id_of(std::uint8_t byte);

/// An op that passes every rule of form; set, tombstone and erase have the target op_id_of(7), index 1 and no parents.
[[nodiscard]] Op plain_op(OpKind kind);
/// The content that plain_op's kind goes with: for delete and erase a reason.
[[nodiscard]] std::string plain_content(OpKind kind);
/// plain_op with plain_content, signed by identity_of(1).
[[nodiscard]] VerifiedOp plain_signed(OpKind kind);

/// Signs a claim anew after it was changed: digest of the content, author, signature; whether or not it is valid.
[[nodiscard]] SignedOp resigned(const Identity& identity, SignedOp claim);

/// An op that passes every rule of form, of any kind, with 0 to 64 parents and names of any length and script.
[[nodiscard]] SignedOp random_claim(std::mt19937_64& random);

}  // namespace musher::testing
