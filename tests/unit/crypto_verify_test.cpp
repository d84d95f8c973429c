#include <catch2/catch.hpp>

#include <thread>

#include "crypto/hashing.hpp"
#include "crypto/known_signer.hpp"
#include "crypto/verify.hpp"
#include "model/canonical_bytes.hpp"
#include "support/property.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

std::optional<Reject> verdict(const SignedOp& claim) {
  const auto verified = Verifier(test_document()).verify(claim);
  return verified ? std::nullopt : std::optional(verified.error());
}

/// The claim with these canonical bytes instead; nothing when they do not parse.
std::optional<SignedOp> with_bytes(const SignedOp& claim, std::span<const std::uint8_t> bytes) {
  auto op = parse_canonical_bytes(bytes);
  if (!op) return std::nullopt;
  SignedOp changed = claim;
  changed.op = *std::move(op);
  return changed;
}

AuthorId small_order_key() {
  AuthorId key;
  key.key[0] = 1;
  return key;
}

}  // namespace

TEST_CASE("verify: an op that was signed here is verified, with the id of its canonical bytes", "[crypto]") {
  for (const OpKind kind : {OpKind::insert, OpKind::set, OpKind::tombstone, OpKind::erase}) {
    const VerifiedOp made = plain_signed(kind);
    const auto verified = Verifier(test_document()).verify(made.claim());
    REQUIRE(verified);
    CHECK(verified->id() == op_id(canonical_bytes(made.op())));
    CHECK(verified->id() == made.id());
    CHECK(verified->claim() == made.claim());
  }
}

TEST_CASE("verify: any op that follows the rules of form is taken", "[crypto]") {
  CHECK(holds("verify(random op)", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    SignedOp claim = random_claim(random);
    RC_ASSERT(verdict(claim) == std::nullopt);
    claim.content.reset();
    claim.salt = {};
    RC_ASSERT(verdict(claim) == std::nullopt);  // its content was erased
  }));
}

TEST_CASE("verify: every truncation of a valid op is refused as malformed", "[crypto]") {
  const SignedOp claim = plain_signed(OpKind::set).claim();
  const auto bytes = canonical_bytes(claim.op);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(parse_canonical_bytes(std::span(bytes).first(size)).error() == Reject::malformed);
  }
}

TEST_CASE("verify: every flipped bit of a valid op is refused", "[crypto]") {
  for (const OpKind kind : {OpKind::insert, OpKind::set, OpKind::tombstone, OpKind::erase}) {
    const SignedOp claim = plain_signed(kind).claim();
    const Verifier verifier(test_document());
    const auto refused = [&](const SignedOp& changed) { return !verifier.verify(changed); };
    auto bytes = canonical_bytes(claim.op);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const auto mask = static_cast<std::uint8_t>(1 << (bit % 8));
      bytes[bit / 8] ^= mask;
      const auto changed = with_bytes(claim, bytes);
      CAPTURE(bit);
      if (changed) REQUIRE(refused(*changed));
      bytes[bit / 8] ^= mask;
    }
    for (std::size_t bit = 0; bit < sizeof(Signature) * 8; ++bit) {
      SignedOp changed = claim;
      changed.signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      REQUIRE(verifier.verify(changed).error() == Reject::bad_signature);
    }
    for (std::size_t bit = 0; bit < sizeof(Salt) * 8; ++bit) {
      SignedOp changed = claim;
      changed.salt.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      REQUIRE(verifier.verify(changed).error() == Reject::digest_mismatch);
    }
    for (std::size_t bit = 0; bit < claim.content->size() * 8; ++bit) {
      SignedOp changed = claim;
      char& byte = (*changed.content)[bit / 8];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
      const auto result = verifier.verify(changed);
      REQUIRE_FALSE(result);
      REQUIRE((result.error() == Reject::digest_mismatch || result.error() == Reject::bad_content));
    }
  }
}

TEST_CASE("verify: an op signed by another key, or a copied signature, does not hold", "[crypto]") {
  SignedOp claim = plain_signed(OpKind::set).claim();
  claim.op.author = identity_of(2).author();
  CHECK(verdict(claim) == Reject::bad_signature);
  claim = plain_signed(OpKind::set).claim();
  claim.signature = plain_signed(OpKind::insert).signature();
  CHECK(verdict(claim) == Reject::bad_signature);
}

TEST_CASE("verify: a signed statement is no signature of the op with that id", "[crypto]") {
  SignedOp claim = plain_signed(OpKind::set).claim();
  const OpId id = op_id(canonical_bytes(claim.op));
  claim.signature = identity_of(1).sign_statement("musher test 1", Digest{id.hash});
  CHECK(verdict(claim) == Reject::bad_signature);
}

TEST_CASE("verify: the reasons come in the order of docs/format.md", "[crypto]") {
  SignedOp claim = plain_signed(OpKind::set).claim();
  claim.signature = {};
  CHECK(verdict(claim) == Reject::bad_signature);
  claim.op.author = small_order_key();
  CHECK(verdict(claim) == Reject::bad_author_key);
  claim.content = "\"3_done\"";
  CHECK(verdict(claim) == Reject::digest_mismatch);
  claim.op.name = "story_id";
  CHECK(verdict(claim) == Reject::bad_name);
}

TEST_CASE("check_unsigned and check_signature: together they are verify", "[crypto]") {
  const Verifier verifier(test_document());
  const VerifiedOp good = plain_signed(OpKind::set);
  CHECK(verifier.check_unsigned(good.claim()) == good.id());
  CHECK(verifier.check_signature(good.op().author, good.id(), good.signature()));
  CHECK_FALSE(verifier.check_signature(identity_of(2).author(), good.id(), good.signature()));
  CHECK_FALSE(verifier.check_signature(small_order_key(), good.id(), good.signature()));

  SignedOp claim = good.claim();
  claim.content = "\"3_done\"";
  CHECK(verifier.check_unsigned(claim).error() == Reject::digest_mismatch);
  claim = good.claim();
  claim.op.time_ms += 1;
  REQUIRE(verifier.check_unsigned(claim));
  CHECK(verifier.check_unsigned(claim) != good.id());
}

TEST_CASE("verify: an author of many ops is a known signer, and its bad signatures are refused as before", "[crypto]") {
  const Identity carol = identity_of(77), dave = identity_of(78);
  const Verifier quick(test_document()), libsodium(test_document(), SignatureCheck::libsodium);
  const VerifiedOp good = plain_signed(OpKind::set);
  for (std::uint64_t op = 0; op < 2 * KnownSigners::kWorthATable; ++op) {
    REQUIRE(quick.check_signature(carol.author(), good.id(), carol.sign(good.id())));
    REQUIRE_FALSE(quick.check_signature(carol.author(), good.id(), dave.sign(good.id())));
    REQUIRE(libsodium.check_signature(dave.author(), good.id(), dave.sign(good.id())));
    REQUIRE_FALSE(libsodium.check_signature(dave.author(), good.id(), carol.sign(good.id())));
  }
  CHECK(KnownSigners::of_process().find(carol.author()) != nullptr);
  CHECK(KnownSigners::of_process().find(dave.author()) == nullptr);
}

TEST_CASE("verify: many threads share one verifier", "[crypto]") {
  const Verifier verifier(test_document());
  std::vector<SignedOp> claims;
  for (std::uint8_t author = 1; author <= 8; ++author) {
    claims.push_back(resigned(identity_of(author), plain_signed(OpKind::set).claim()));
  }
  std::vector<int> good(4);
  std::vector<std::thread> threads;
  for (int& count : good) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        for (const SignedOp& claim : claims) count += verifier.verify(claim).has_value() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(4, 160));
}

TEST_CASE("sign_op: fills in author, digest and salt, and refuses what no node would take", "[crypto]") {
  Op op = plain_op(OpKind::set);
  op.author = {};
  op.content_digest.bytes.fill(9);
  const auto made = sign_op(identity_of(3), op, "1");
  REQUIRE(made);
  CHECK(made->op().author == identity_of(3).author());
  CHECK(made->op().content_digest == content_digest(made->salt(), "1"));
  CHECK(made->salt() != sign_op(identity_of(3), op, "1")->salt());

  const auto bare = sign_op(identity_of(3), plain_op(OpKind::tombstone), std::nullopt);
  REQUIRE(bare);
  CHECK(bare->op().content_digest.is_zero());
  CHECK(bare->salt() == Salt{});

  const auto refused = [](Op bad, std::optional<std::string> content) {
    const auto result = sign_op(identity_of(3), std::move(bad), std::move(content));
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::usage);
    return result.error().what;
  };
  CHECK(refused(plain_op(OpKind::set), "1.0") == "the set cannot be signed: it would be refused as bad_content");
  CHECK(refused(plain_op(OpKind::set), std::nullopt) == "the set cannot be signed: it would be refused as bad_fields");
  op.name = std::string(300, 'x');
  CHECK(refused(op, "1") == "the set cannot be signed: it would be refused as oversized");
  op.name = "story_id";
  CHECK(refused(op, "1") == "the set cannot be signed: it would be refused as bad_name");
}
