#include <catch2/catch.hpp>

#include <algorithm>

#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "support/property.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

std::string hex_at(const std::vector<std::uint8_t>& bytes, std::size_t at, std::size_t size) {
  return to_hex(std::span(bytes).subspan(at, size));
}

Op any_op(std::mt19937_64& random) {
  Op op = random_claim(random).op;
  op.index = OpIndex{random()};
  op.seq = Seq{random()};
  op.parents.resize(random() % 256);
  op.name.resize(random() % 256, '\0');
  op.actor.resize(random() % 256, '\xff');
  return op;
}

}  // namespace

TEST_CASE("canonical bytes: each field is where docs/format.md says", "[model]") {
  Op op;
  op.kind = OpKind::set;
  op.document.bytes.fill(0x11);
  op.author.key.fill(0x22);
  op.index = OpIndex{0x0102030405060708};
  op.prev = op_id_of(0x33);
  op.seq = Seq{0x1112131415161718};
  op.time_ms = -2;
  op.target = op_id_of(0x44);
  op.content_digest.bytes.fill(0x55);
  op.parents = {op_id_of(0x66), op_id_of(0x77)};
  op.name = "stage";
  op.actor = "al";

  const auto bytes = canonical_bytes(op);
  REQUIRE(bytes.size() == 173 + 64 + 5 + 2);
  CHECK(bytes[0] == 1);
  CHECK(bytes[1] == 2);
  CHECK(hex_at(bytes, 2, 16) == std::string(32, '1'));
  CHECK(hex_at(bytes, 18, 32) == std::string(64, '2'));
  CHECK(hex_at(bytes, 50, 8) == "0807060504030201");
  CHECK(hex_at(bytes, 58, 32) == std::string(64, '3'));
  CHECK(hex_at(bytes, 90, 8) == "1817161514131211");
  CHECK(hex_at(bytes, 98, 8) == "feffffffffffffff");
  CHECK(hex_at(bytes, 106, 32) == std::string(64, '4'));
  CHECK(hex_at(bytes, 138, 32) == std::string(64, '5'));
  CHECK(hex_at(bytes, 170, 3) == "020502");
  CHECK(hex_at(bytes, 173, 64) == std::string(64, '6') + std::string(64, '7'));
  CHECK(hex_at(bytes, 237, 7) == "7374616765616c");
  CHECK(parse_canonical_bytes(bytes) == op);
}

TEST_CASE("canonical bytes: kinds are numbered 1 to 4, and the largest op has 2,477 bytes", "[model]") {
  CHECK(canonical_bytes(plain_op(OpKind::insert))[1] == 1);
  CHECK(canonical_bytes(plain_op(OpKind::set))[1] == 2);
  CHECK(canonical_bytes(plain_op(OpKind::tombstone))[1] == 3);
  CHECK(canonical_bytes(plain_op(OpKind::erase))[1] == 4);
  CHECK(kMaxOpBytes == 2477);
}

TEST_CASE("canonical bytes: whatever is written is read back, and the other way round", "[model]") {
  CHECK(holds("parse(canonical_bytes(op)) == op", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Op op = any_op(random);
    const auto bytes = canonical_bytes(op);
    const auto parsed = parse_canonical_bytes(bytes);
    RC_ASSERT((parsed == op));
    RC_ASSERT(canonical_bytes(*parsed) == bytes);
    std::vector<std::uint8_t> reused(3, 0xaa);
    canonical_bytes(op, reused);
    RC_ASSERT(reused == bytes);
  }));
}

TEST_CASE("parse: every truncation of an op is malformed", "[model]") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    const auto bytes = canonical_bytes(any_op(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto parsed = parse_canonical_bytes(std::span(bytes).first(size));
      REQUIRE_FALSE(parsed);
      REQUIRE(parsed.error() == Reject::malformed);
    }
  }
}

TEST_CASE("parse: a byte more, or a length field that lies, is malformed", "[model]") {
  auto bytes = canonical_bytes(plain_op(OpKind::set));
  bytes.push_back(0);
  CHECK(parse_canonical_bytes(bytes).error() == Reject::malformed);
  bytes.pop_back();
  for (const std::size_t length_at : {170U, 171U, 172U}) {
    auto lies = bytes;
    ++lies[length_at];
    CHECK(parse_canonical_bytes(lies).error() == Reject::malformed);
  }
  auto shifted = bytes;  // the same total: it parses, as another op
  --shifted[171];
  ++shifted[172];
  REQUIRE(parse_canonical_bytes(shifted));
  CHECK(parse_canonical_bytes(shifted)->name == "stag");
}

TEST_CASE("parse: an unknown version is told before anything else, an unknown kind before the length", "[model]") {
  auto bytes = canonical_bytes(plain_op(OpKind::set));
  for (const int version : {0, 2, 255}) {
    bytes[0] = static_cast<std::uint8_t>(version);
    CHECK(parse_canonical_bytes(bytes).error() == Reject::unknown_version);
    CHECK(parse_canonical_bytes(std::span(bytes).first(2)).error() == Reject::unknown_version);
  }
  bytes[0] = 1;
  for (const int kind : {0, 5, 255}) {
    bytes[1] = static_cast<std::uint8_t>(kind);
    CHECK(parse_canonical_bytes(bytes).error() == Reject::unknown_kind);
    CHECK(parse_canonical_bytes(std::span(bytes).first(2)).error() == Reject::unknown_kind);
  }
}

TEST_CASE("parse: any bytes end in an op that writes the same bytes, or in a reason", "[model]") {
  CHECK(holds("canonical_bytes(parse(bytes)) == bytes", [](std::vector<std::uint8_t> bytes, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    if (random() % 2 == 0) {
      bytes = canonical_bytes(any_op(random));
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    if (const auto parsed = parse_canonical_bytes(bytes)) RC_ASSERT(canonical_bytes(*parsed) == bytes);
  }));
}
