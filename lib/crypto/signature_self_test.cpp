#include "crypto/signature_self_test.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "crypto/signature_scalars.hpp"
#include "crypto/sodium.hpp"

namespace musher {
namespace {

using Point = std::array<std::uint8_t, 32>;  // encoded

constexpr Point kOrder8 = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
                           0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
                           0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
constexpr Point kIdentity = {1};
constexpr std::uint8_t kSignBit = 0x80;

Scalar scalar_from(std::string_view text) {
  std::array<std::uint8_t, crypto_hash_sha512_BYTES> wide;
  crypto_hash_sha512(wide.data(), reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return reduced(wide);
}

Point times_base(const Scalar& scalar) {
  Point point;
  (void)crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data());
  return point;
}

Point plus(const Point& a, const Point& b) {
  Point sum;
  (void)crypto_core_ed25519_add(sum.data(), a.data(), b.data());
  return sum;
}

Point with_sign_bit(Point point) {
  point.back() |= kSignBit;
  return point;
}

// p + k: the second encoding of the points whose y is k, for k up to 18.
Point past_the_prime(std::uint8_t k) {
  Point point;
  point.fill(0xff);
  point.front() = static_cast<std::uint8_t>(0xed + k);
  point.back() = 0x7f;
  return point;
}

Signature joined(const Point& r, const Scalar& s) {
  Signature signature;
  std::ranges::copy(s, std::ranges::copy(r, signature.bytes.begin()).out);
  return signature;
}

// The points of small order, or sums with them: each made once, since every process that verifies starts with them.
struct Torsion {
  Point order8 = kOrder8;
  Point order4 = plus(order8, order8);
  Point order2 = plus(order4, order4);
};

// One key and one op id, with a signer that may choose any R. Its honest nonce is its secret: nobody signs like that
// who wants to keep it, and one point less is to be made.
class HostileSigner {
 public:
  [[nodiscard]] AuthorId author() const { return {public_}; }
  [[nodiscard]] const OpId& id() const { return id_; }
  [[nodiscard]] const Point& point() const { return public_; }
  [[nodiscard]] const Torsion& torsion() const { return torsion_; }
  [[nodiscard]] const Torsion& mixed() const { return mixed_; }  // point() plus each

  // Signs with this R, whose part of prime order is point() or, without nonce, the identity.
  [[nodiscard]] Signature sign(const Point& r) const { return sign(r, secret_); }
  [[nodiscard]] Signature sign_without_nonce(const Point& r) const { return sign(r, Scalar{}); }

 private:
  [[nodiscard]] Signature sign(const Point& r, const Scalar& nonce) const {
    const Scalar h = challenge(r, public_, id_);
    Scalar product, s;
    crypto_core_ed25519_scalar_mul(product.data(), h.data(), secret_.data());
    crypto_core_ed25519_scalar_add(s.data(), nonce.data(), product.data());
    return joined(r, s);
  }

  Scalar secret_ = scalar_from("musher self-test: secret");
  Point public_ = times_base(secret_);
  Torsion torsion_;
  Torsion mixed_{plus(public_, torsion_.order8), plus(public_, torsion_.order4), plus(public_, torsion_.order2)};
  OpId id_{scalar_from("musher self-test: op id")};
};

Signature with_s_plus_order(Signature signature) {
  unsigned carry = 0;
  for (std::size_t i = 0; i < kGroupOrder.size(); ++i) {
    carry += unsigned{signature.bytes[32 + i]} + kGroupOrder[i];
    signature.bytes[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return signature;
}

std::unexpected<Error> differs(std::string_view vector, bool should_hold) {
  return fail(Errc::internal,
              "this program must not verify signatures: libsodium " + std::string(sodium_version_string()) +
                  (should_hold ? " refuses " : " accepts ") + std::string(vector),
              "install the libsodium that musher was built with");
}

Result<void> check_keys(const SignatureRule& rule, const HostileSigner& signer) {
  const auto check = [&](std::string_view vector, const Point& key, bool good) -> Result<void> {
    if (rule.is_author_key({key}) != good) return differs(vector, good);
    return {};
  };
  const Torsion& torsion = signer.torsion();
  MUSHER_CHECK(check("a good author key", signer.point(), true));
  MUSHER_CHECK(check("the identity as author key", kIdentity, false));
  MUSHER_CHECK(check("the identity with a sign bit as author key", with_sign_bit(kIdentity), false));
  MUSHER_CHECK(check("an author key of order 8", torsion.order8, false));
  MUSHER_CHECK(check("an author key of order 4", torsion.order4, false));
  MUSHER_CHECK(check("an author key of order 2", torsion.order2, false));
  MUSHER_CHECK(check("an author key of zeros", Point{}, false));
  MUSHER_CHECK(check("an author key of mixed order", signer.mixed().order8, false));
  MUSHER_CHECK(check("an author key of mixed order", signer.mixed().order2, false));
  for (std::uint8_t k = 0; k <= 18; ++k) {
    MUSHER_CHECK(check("a non-canonical author key", past_the_prime(k), false));
    MUSHER_CHECK(check("a non-canonical author key", with_sign_bit(past_the_prime(k)), false));
  }
  return {};
}

Result<void> check_signatures(const SignatureRule& rule, const HostileSigner& signer) {
  const auto check = [&](std::string_view vector, const Signature& signature, bool good) -> Result<void> {
    if (rule.signature_holds(signer.author(), signer.id(), signature) != good) return differs(vector, good);
    return {};
  };
  const Torsion& mixed = signer.mixed();
  const Signature good = signer.sign(signer.point());
  MUSHER_CHECK(check("a good signature", good, true));
  MUSHER_CHECK(check("a signature with s + L", with_s_plus_order(good), false));
  MUSHER_CHECK(check("a signature whose R has a part of order 8", signer.sign(mixed.order8), false));
  MUSHER_CHECK(check("a signature whose R has a part of order 4", signer.sign(mixed.order4), false));
  MUSHER_CHECK(check("a signature whose R has a part of order 2", signer.sign(mixed.order2), false));
  MUSHER_CHECK(check("a signature whose R is the identity", signer.sign_without_nonce(kIdentity), false));
  MUSHER_CHECK(
      check("a signature whose R is a non-canonical identity", signer.sign_without_nonce(past_the_prime(1)), false));
  MUSHER_CHECK(check("a signature whose R is the identity with a sign bit",
                     signer.sign_without_nonce(with_sign_bit(kIdentity)), false));
  MUSHER_CHECK(check("a signature whose R has order 8", signer.sign_without_nonce(kOrder8), false));
  MUSHER_CHECK(check("a signature of zeros", Signature{}, false));
  OpId other = signer.id();
  other.hash.front() ^= 1;
  if (rule.signature_holds(signer.author(), other, good)) return differs("a signature over another op", false);
  return {};
}

}  // namespace

Result<void> check_signature_rule(const SignatureRule& rule) {
  start_sodium();
  const HostileSigner signer;
  MUSHER_CHECK(check_keys(rule, signer));
  return check_signatures(rule, signer);
}

}  // namespace musher
