#include <openssl/evp.h>
#include <sodium.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>

#include "crypto/known_signer.hpp"
#include "crypto/signature.hpp"
#include "crypto/signed_message.hpp"
#include "support/property.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

using Bytes32 = std::array<std::uint8_t, 32>;
constexpr Bytes32 kIdentity = {1};

Bytes32 random_bytes(std::mt19937_64& random) {
  Bytes32 bytes;
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
  return bytes;
}

Scalar random_scalar(std::mt19937_64& random) {
  std::array<std::uint8_t, 64> wide{};
  std::ranges::copy(random_bytes(random), wide.begin());
  std::ranges::copy(random_bytes(random), wide.begin() + 32);
  return reduced(wide);
}

Bytes32 point_of(const Scalar& scalar) {
  Bytes32 point;
  return crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) == 0 ? point : kIdentity;
}

Scalar number(std::uint8_t small) {
  Scalar scalar{};
  scalar[0] = small;
  return scalar;
}

Scalar below_order(std::uint8_t small) {
  Scalar scalar = kGroupOrder;
  scalar[0] = static_cast<std::uint8_t>(scalar[0] - small);
  return scalar;
}

/// Every digit of 6 bits the same, below 2^252.
Scalar digits(unsigned digit) {
  Scalar scalar{};
  for (unsigned bit = 0; bit < 252; ++bit) {
    scalar[bit / 8] = static_cast<std::uint8_t>(scalar[bit / 8] | (digit >> bit % 6 & 1U) << bit % 8);
  }
  return scalar;
}

std::vector<Scalar> edge_scalars() {
  std::vector<Scalar> scalars{{}, number(1), number(2), number(31), number(32), number(33), number(63), number(64)};
  for (std::uint8_t below = 1; below < 4; ++below) scalars.push_back(below_order(below));
  for (const unsigned digit : {1U, 31U, 32U, 33U, 62U, 63U}) scalars.push_back(digits(digit));
  return scalars;
}

Bytes32 sum_of(const Bytes32& a, const Bytes32& b) {
  Bytes32 sum;
  return crypto_core_ed25519_add(sum.data(), a.data(), b.data()) == 0 ? sum : kIdentity;
}

/// The identity and the point of order 2 have an x of 0, which has no sign.
Bytes32 negative(Bytes32 point) {
  if (sum_of(point, point) != kIdentity) point.back() ^= 0x80;
  return point;
}

AddendPoint addend_of(const Bytes32& bytes) {
  const CurvePoint point = CurvePoint::decode(bytes).value();
  return point.addend(point.z.inverse());
}

bool openssl_holds(const AuthorId& author, const OpId& id, const Signature& signature) {
  const SignedMessage message = signed_message(kOpDomain, id.hash);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, author.key.data(), author.key.size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.bytes.data(), signature.bytes.size(), message.data(),
                          message.size()) == 1;
}

/// A key whose secret scalar is known, so that R may be anything.
struct FreeSigner {
  Scalar secret;
  AuthorId author{point_of(secret)};

  /// s fits R if R is nonce * B, plus whatever of small order.
  [[nodiscard]] Signature sign(const OpId& id, const Scalar& nonce, const Bytes32& r) const {
    Scalar product, s;
    crypto_core_ed25519_scalar_mul(product.data(), challenge(r, author.key, id).data(), secret.data());
    crypto_core_ed25519_scalar_add(s.data(), nonce.data(), product.data());
    Signature signature;
    std::ranges::copy(s, std::ranges::copy(r, signature.bytes.begin()).out);
    return signature;
  }
};

std::vector<Bytes32> small_order_points() {
  const Bytes32 order8 = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
                          0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
                          0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
  std::vector<Bytes32> points{kIdentity};
  for (int times = 1; times < 8; ++times) points.push_back(sum_of(points.back(), order8));
  return points;
}

}  // namespace

TEST_CASE("curve: any point of libsodium's is decoded and encoded as it was", "[crypto]") {
  CHECK(holds("encode(decode(point))", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Bytes32 bytes = point_of(random_scalar(random));
    const auto point = CurvePoint::decode(bytes);
    RC_ASSERT(point.has_value());
    RC_ASSERT(point->encode() == bytes);
  }));
  for (const Bytes32& small : small_order_points()) CHECK(CurvePoint::decode(small).value().encode() == small);
}

TEST_CASE("curve: bytes are a point exactly when libsodium says so", "[crypto]") {
  CHECK(holds("decode(any bytes)", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Bytes32 bytes = random_bytes(random);
    Bytes32 sum;
    RC_ASSERT(CurvePoint::decode(bytes).has_value() ==
              (crypto_core_ed25519_add(sum.data(), bytes.data(), kIdentity.data()) == 0));
  }));
}

TEST_CASE("curve: sums, differences and doubles are libsodium's, of equal, opposite and small-order points too",
          "[crypto]") {
  const auto small = small_order_points();
  CHECK(holds("point arithmetic", [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Bytes32 p = sum_of(point_of(random_scalar(random)), small[random() % 8]);
    for (const Bytes32& q :
         {point_of(random_scalar(random)), p, negative(p), small[random() % 8], sum_of(p, small[4])}) {
      const CurvePoint left = CurvePoint::decode(p).value();
      RC_ASSERT((left + addend_of(q)).encode() == sum_of(p, q));
      RC_ASSERT((left - addend_of(q)).encode() == sum_of(p, negative(q)));
    }
    RC_ASSERT(CurvePoint::decode(p).value().doubled().encode() == sum_of(p, p));
  }));
}

TEST_CASE("multiples: scalar * P is libsodium's", "[crypto]") {
  const Bytes32 point = identity_of(3).author().key;
  const Multiples multiples(CurvePoint::decode(point).value());
  const auto check = [&](const Scalar& scalar) {
    Bytes32 expected;
    if (crypto_scalarmult_ed25519_noclamp(expected.data(), scalar.data(), point.data()) != 0) expected = kIdentity;
    const bool same = multiples.add({}, scalar).encode() == expected;
    return same && multiples.add({}, scalar, true).encode() == negative(expected) &&
           multiples.add(multiples.add({}, scalar), scalar, true).encode() == kIdentity;
  };
  for (const Scalar& scalar : edge_scalars()) CHECK(check(scalar));
  CHECK(holds("multiples(random scalar)", [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    RC_ASSERT(check(random_scalar(random)));
  }));
}

TEST_CASE("known signer: answers by the rule on the hostile vectors of the self-test", "[crypto]") {
  const auto result = known_signer_self_test();
  CHECK(result);
}

TEST_CASE("known signer: every flipped bit of an honest signature or of what it signs is refused", "[crypto]") {
  const Identity alice = identity_of(1);
  const KnownSigner signer(alice.author());
  const OpId id = op_id_of(5);
  const Signature signature = alice.sign(id);
  CHECK(signer.holds(id, signature));
  for (std::size_t bit = 0; bit < 512; ++bit) {
    Signature flipped = signature;
    flipped.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE_FALSE(signer.holds(id, flipped));
    OpId other = id;
    other.hash[bit / 16] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE_FALSE(signer.holds(other, signature));
  }
  CHECK_FALSE(KnownSigner(identity_of(2).author()).holds(id, signature));
}

TEST_CASE("known signer, libsodium and OpenSSL: one verdict on signatures with any R and any s", "[crypto]") {
  const auto small = small_order_points();
  const auto edges = edge_scalars();
  int held = 0, refused = 0;
  CHECK(holds("three verdicts", [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const FreeSigner free{random_scalar(random)};
    RC_ASSERT(is_author_key(free.author));
    const KnownSigner signer(free.author);
    for (int attempt = 0; attempt < 24; ++attempt) {
      const OpId id{random_bytes(random)};
      const Scalar nonce = attempt % 3 == 0 ? edges[random() % edges.size()] : random_scalar(random);
      Signature signature = free.sign(id, nonce, sum_of(point_of(nonce), small[attempt % 2 == 0 ? 0 : random() % 8]));
      if (attempt % 4 == 3) std::ranges::copy(edges[random() % edges.size()], signature.bytes.begin() + 32);
      if (attempt % 8 == 5) signature.bytes[random() % 64] ^= static_cast<std::uint8_t>(1U << random() % 8);
      const bool answer = signer.holds(id, signature);
      RC_ASSERT(answer == signature_holds(free.author, id, signature));
      if (!std::ranges::equal(kIdentity, std::span(signature.bytes).first(32))) {  // OpenSSL takes that one
        RC_ASSERT(answer == openssl_holds(free.author, id, signature));
      }
      ++(answer ? held : refused);
    }
  }));
  CHECK(held > 100);
  CHECK(refused > 100);
}

TEST_CASE("known signers: an author gets a table with the signature that makes it worth one, and keeps it",
          "[crypto]") {
  KnownSigners signers;
  const AuthorId alice = identity_of(1).author(), bob = identity_of(2).author();
  for (std::uint64_t asked = 1; asked < KnownSigners::kWorthATable; ++asked) {
    REQUIRE(signers.find(alice) == nullptr);
    REQUIRE(signers.find(bob) == nullptr);
  }
  const auto table = signers.find(alice);
  REQUIRE(table != nullptr);
  CHECK(signers.find(alice) == table);
  const OpId id = op_id_of(7);
  CHECK(table->holds(id, identity_of(1).sign(id)));
  CHECK_FALSE(table->holds(id, identity_of(2).sign(id)));
}

TEST_CASE("known signers: a full house keeps those in use, and gives the place of one that is not", "[crypto]") {
  KnownSigners signers;
  const auto author = [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    return FreeSigner{random_scalar(random)}.author;
  };
  const auto ask = [&](const AuthorId& who) {
    std::shared_ptr<const KnownSigner> last;
    for (std::uint64_t asked = 0; asked < KnownSigners::kWorthATable; ++asked) last = signers.find(who);
    return last;
  };
  std::vector<AuthorId> in_use;
  for (std::uint64_t seed = 0; seed < KnownSigners::kMostTables; ++seed) {
    in_use.push_back(author(seed));
    REQUIRE(ask(in_use.back()) != nullptr);
  }
  const AuthorId late = author(1'000);
  CHECK(ask(late) == nullptr);
  for (std::uint64_t round = 0; round <= KnownSigners::kUnused / in_use.size() + 1; ++round) {
    for (std::size_t who = 1; who < in_use.size(); ++who) REQUIRE(signers.find(in_use[who]) != nullptr);
  }
  CHECK(ask(late) != nullptr);
  CHECK(signers.find(in_use[1]) != nullptr);
  CHECK(signers.find(in_use[0]) == nullptr);  // begins to count again
}

TEST_CASE("known signers: a flood of authors takes nobody's table", "[crypto]") {
  KnownSigners signers;
  const AuthorId alice = identity_of(1).author();
  for (std::uint64_t asked = 0; asked < KnownSigners::kWorthATable; ++asked) (void)signers.find(alice);
  std::mt19937_64 random(1);
  for (std::size_t author = 0; author < 3 * KnownSigners::kMostCounted; ++author) {
    REQUIRE(signers.find(AuthorId{random_bytes(random)}) == nullptr);
  }
  CHECK(signers.find(alice) != nullptr);
}

TEST_CASE("known signers: many threads ask at once", "[crypto]") {
  KnownSigners signers;
  std::vector<AuthorId> authors;
  for (std::uint8_t who = 1; who <= 4; ++who) authors.push_back(identity_of(who).author());
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (std::uint64_t asked = 0; asked < 4 * KnownSigners::kWorthATable; ++asked) {
          for (std::uint8_t who = 1; who <= 4; ++who) {
            const auto found = signers.find(authors[who - 1U]);
            const OpId id = op_id_of(who);
            if (found && !found->holds(id, identity_of(who).sign(id))) ++wrong;
          }
        }
      });
    }
  }
  CHECK(wrong == 0);
  for (const AuthorId& author : authors) CHECK(signers.find(author) != nullptr);
}
