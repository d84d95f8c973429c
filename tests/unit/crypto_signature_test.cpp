#include <sodium.h>
#include <catch2/catch.hpp>

#include <algorithm>

#include "crypto/signature.hpp"
#include "crypto/signature_self_test.hpp"
#include "crypto/signed_message.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;
using Catch::Matchers::Contains;

namespace {

// --- rules that are not musher's, as other libraries have them

using Bytes32 = std::array<std::uint8_t, 32>;
constexpr Bytes32 kIdentity = {1};

Bytes32 challenge(const AuthorId& author, const SignedMessage& message, const Signature& signature) {
  std::vector<std::uint8_t> text(signature.bytes.begin(), signature.bytes.begin() + 32);
  text.insert(text.end(), author.key.begin(), author.key.end());
  text.insert(text.end(), message.begin(), message.end());
  std::array<std::uint8_t, 64> wide;
  crypto_hash_sha512(wide.data(), text.data(), text.size());
  Bytes32 h;
  crypto_core_ed25519_scalar_reduce(h.data(), wide.data());
  return h;
}

// s, below L: whatever is above is taken off.
Bytes32 reduced_s(const Signature& signature) {
  std::array<std::uint8_t, 64> wide{};
  std::copy_n(signature.bytes.begin() + 32, 32, wide.begin());
  Bytes32 s;
  crypto_core_ed25519_scalar_reduce(s.data(), wide.data());
  return s;
}

// sB - hA, with the identity where libsodium would rather return nothing.
Bytes32 expected_r(const AuthorId& author, const OpId& id, const Signature& signature) {
  const Bytes32 h = challenge(author, signed_message(kOpDomain, id.hash), signature);
  const Bytes32 s = reduced_s(signature);
  Bytes32 sb, ha, r;
  if (crypto_scalarmult_ed25519_base_noclamp(sb.data(), s.data()) != 0) sb = kIdentity;
  if (crypto_scalarmult_ed25519_noclamp(ha.data(), h.data(), author.key.data()) != 0) ha = kIdentity;
  if (crypto_core_ed25519_sub(r.data(), sb.data(), ha.data()) != 0) r = kIdentity;
  return r;
}

bool has_r(const Signature& signature, const Bytes32& r) {
  return std::equal(r.begin(), r.end(), signature.bytes.begin());
}

// RFC 8032's equation without its bound on s.
bool takes_large_s(const AuthorId& author, const OpId& id, const Signature& signature) {
  const Bytes32 r = expected_r(author, id, signature);
  return r != kIdentity && has_r(signature, r);
}

// An R of order 1 is no reason to refuse.
bool takes_identity_r(const AuthorId& author, const OpId& id, const Signature& signature) {
  return signature_holds(author, id, signature) ||
         (has_r(signature, kIdentity) && expected_r(author, id, signature) == kIdentity);
}

// Eight times both sides (RFC 8032, 5.1.7).
bool takes_torsion(const AuthorId& author, const OpId& id, const Signature& signature) {
  const Bytes32 r = expected_r(author, id, signature);
  Bytes32 difference;
  if (crypto_core_ed25519_sub(difference.data(), r.data(), signature.bytes.data()) != 0) return false;
  for (int doubled = 0; doubled < 3; ++doubled) {
    crypto_core_ed25519_add(difference.data(), difference.data(), difference.data());
  }
  return signature_holds(author, id, signature) || (difference == kIdentity && !has_r(signature, r));
}

bool takes_every_key(const AuthorId&) { return true; }
bool takes_no_key(const AuthorId&) { return false; }
bool takes_every_signature(const AuthorId&, const OpId&, const Signature&) { return true; }
bool takes_no_signature(const AuthorId&, const OpId&, const Signature&) { return false; }
// A point on the curve that is not of small order: of prime or of mixed order.
bool takes_mixed_keys(const AuthorId& author) {
  Bytes32 same;
  Bytes32 eightfold = author.key;
  if (crypto_core_ed25519_add(same.data(), author.key.data(), kIdentity.data()) != 0 || same != author.key)
    return false;
  for (int doubled = 0; doubled < 3; ++doubled)
    crypto_core_ed25519_add(eightfold.data(), eightfold.data(), eightfold.data());
  return eightfold != kIdentity;
}

std::string complaint(const SignatureRule& rule) {
  const auto result = check_signature_rule(rule);
  return result ? "none" : result.error().what;
}

}  // namespace

TEST_CASE("self-test: the linked libsodium answers by the rule", "[crypto]") {
  const auto result = verification_self_test();
  CHECK(result);
}

TEST_CASE("self-test: a library that answers otherwise is named with the vector that shows it", "[crypto]") {
  CHECK_THAT(complaint({is_author_key, takes_large_s}), Contains("accepts a signature with s + L"));
  CHECK_THAT(complaint({is_author_key, takes_torsion}), Contains("accepts a signature whose R has a part of order 8"));
  CHECK_THAT(complaint({is_author_key, takes_identity_r}), Contains("accepts a signature whose R is the identity"));
  CHECK_THAT(complaint({is_author_key, takes_every_signature}), Contains("accepts a signature"));
  CHECK_THAT(complaint({is_author_key, takes_no_signature}), Contains("refuses a good signature"));
  CHECK_THAT(complaint({takes_every_key, signature_holds}), Contains("accepts the identity as author key"));
  CHECK_THAT(complaint({takes_no_key, signature_holds}), Contains("refuses a good author key"));
  CHECK_THAT(complaint({takes_mixed_keys, signature_holds}), Contains("accepts an author key of mixed order"));
  CHECK_THAT(complaint({takes_no_key, signature_holds}), Contains(sodium_version_string()));
  CHECK(check_signature_rule({takes_no_key, signature_holds}).error().code == Errc::internal);
}

TEST_CASE("signature: holds for its author and op id, and for nothing else", "[crypto]") {
  const Identity alice = identity_of(1);
  const OpId id = op_id_of(5);
  const Signature signature = alice.sign(id);
  CHECK(is_author_key(alice.author()));
  CHECK(signature_holds(alice.author(), id, signature));
  CHECK_FALSE(signature_holds(identity_of(2).author(), id, signature));
  CHECK_FALSE(signature_holds(alice.author(), op_id_of(6), signature));
}

TEST_CASE("signature: every flipped bit is refused", "[crypto]") {
  const Identity alice = identity_of(1);
  const OpId id = op_id_of(5);
  const Signature signature = alice.sign(id);
  for (std::size_t bit = 0; bit < 512; ++bit) {
    Signature flipped = signature;
    flipped.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    REQUIRE_FALSE(signature_holds(alice.author(), id, flipped));
  }
}

TEST_CASE("statement: holds for its author, domain and digest, and never for an op", "[crypto]") {
  const Identity alice = identity_of(1);
  const Digest digest{op_id_of(5).hash};
  const Signature signature = alice.sign_statement("musher test 1", digest);
  CHECK(statement_holds(alice.author(), "musher test 1", digest, signature));
  CHECK_FALSE(statement_holds(alice.author(), "musher test 2", digest, signature));
  CHECK_FALSE(statement_holds(identity_of(2).author(), "musher test 1", digest, signature));
  CHECK_FALSE(statement_holds(alice.author(), "musher test 1", Digest{}, signature));
  CHECK_FALSE(signature_holds(alice.author(), op_id_of(5), signature));
  CHECK_FALSE(statement_holds(alice.author(), kOpDomain, digest, alice.sign(op_id_of(5))));
  AuthorId small_order;
  small_order.key[0] = 1;
  CHECK_FALSE(statement_holds(small_order, "musher test 1", digest, signature));
}

TEST_CASE("statement: a key of mixed order does not hold, though libsodium takes every second signature of it",
          "[crypto]") {
  const auto number = [](std::uint8_t small) {
    Bytes32 scalar{};
    scalar[0] = small;
    return scalar;
  };
  const Bytes32 secret = number(5), nonce = number(7);
  Bytes32 order2;
  order2.fill(0xff);  // y = -1
  order2.front() = 0xec;
  order2.back() = 0x7f;
  AuthorId author;
  Signature signature;
  REQUIRE(crypto_scalarmult_ed25519_base_noclamp(author.key.data(), secret.data()) == 0);
  REQUIRE(crypto_core_ed25519_add(author.key.data(), author.key.data(), order2.data()) == 0);
  REQUIRE(crypto_scalarmult_ed25519_base_noclamp(signature.bytes.data(), nonce.data()) == 0);

  int taken = 0;
  for (std::uint8_t attempt = 0; attempt < 64; ++attempt) {
    const Digest digest{op_id_of(attempt).hash};
    const SignedMessage message = signed_message("musher test 1", digest.bytes);
    const Bytes32 h = challenge(author, message, signature);
    Bytes32 product, s;
    crypto_core_ed25519_scalar_mul(product.data(), h.data(), secret.data());
    crypto_core_ed25519_scalar_add(s.data(), nonce.data(), product.data());
    std::ranges::copy(s, signature.bytes.begin() + 32);
    taken +=
        crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(), author.key.data()) == 0;
    CHECK_FALSE(statement_holds(author, "musher test 1", digest, signature));
  }
  CHECK(taken > 10);
}

TEST_CASE("statement: the domain of ops, none, one too long or one with a NUL is refused", "[crypto]") {
  const Identity alice = identity_of(1);
  for (const std::string& domain :
       {std::string(kOpDomain), std::string(), std::string(17, 'x'), std::string("a\0", 2)}) {
    CAPTURE(domain);
    CHECK_THROWS_AS(alice.sign_statement(domain, Digest{}), std::logic_error);
  }
}
