// The expected digests were made with Python's hashlib: tests/conformance/musher_format.py makes the same ones.
#include <catch2/catch.hpp>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using musher::testing::op_id_of;
using namespace std::string_literals;

namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Salt salt_of(std::uint8_t byte) {
  Salt salt;
  salt.bytes.fill(byte);
  return salt;
}

Signature signature_of(std::uint8_t byte) {
  Signature signature;
  signature.bytes.fill(byte);
  return signature;
}

}  // namespace

TEST_CASE("op id: BLAKE2b-256, personalised \"musher op 1\"", "[crypto]") {
  CHECK(to_hex(op_id(bytes_of("")).hash) == "1bea49d12c9893be0ca9f461435dab8f2d562544cbcf74455846107126e4d47c");
  CHECK(to_hex(op_id(bytes_of("abc")).hash) == "4d9e6f6e2f3e444fa91b89244cc512287169dd8fe75313a9ced7d5ddf88ab273");
}

TEST_CASE("content digest: keyed with the salt, personalised \"musher content 1\"", "[crypto]") {
  CHECK(to_hex(content_digest(Salt{}, "null").bytes) ==
        "a281470954aa54778ceed97a8b044eda435d82fbc25fef30ccf905177f7082fa");
  CHECK(to_hex(content_digest(salt_of(5), "null").bytes) ==
        "db195adfdc980ef4f5c3938215163a5c029428545b99483a533d82a0c33291e2");
  CHECK(content_digest(salt_of(5), "null") != content_digest(salt_of(6), "null"));
}

TEST_CASE("chain digest: starts with the log id, then row after row with its local columns", "[crypto]") {
  LogId log;
  log.bytes.fill(3);
  const Digest start = chain_start(log);
  CHECK(to_hex(start.bytes) == "e9d28d5900435e54de26a84dd84f636eab8bbf50811a61189d460972cd30b112");
  const Digest one = chain_next(start, RowId{0x0102030405}, op_id_of(4), signature_of(6), 0x0a0b0c0d0e, "local");
  CHECK(to_hex(one.bytes) == "8f30e80d1b72f83a1eeeef1b66536fefc33f7915c1d9a2c6f23a33c2afbc91bc");
  CHECK(chain_next(start, RowId{2}, op_id_of(4), signature_of(6), 0, "") !=
        chain_next(start, RowId{1}, op_id_of(4), signature_of(6), 0, ""));
  CHECK(chain_next(start, RowId{1}, op_id_of(4), signature_of(6), -1, "") !=
        chain_next(start, RowId{1}, op_id_of(4), signature_of(6), 0, ""));
  CHECK(chain_next(start, RowId{1}, op_id_of(4), signature_of(6), 0, "x") !=
        chain_next(start, RowId{1}, op_id_of(4), signature_of(6), 0, ""));
  CHECK(chain_next(start, RowId{1}, op_id_of(4), signature_of(7), 0, "") !=
        chain_next(start, RowId{1}, op_id_of(4), signature_of(6), 0, ""));
}

TEST_CASE("state digest: the same bytes in any pieces give the same digest", "[crypto]") {
  StateHasher nothing;
  CHECK(to_hex(nothing.finish().bytes) == "515a50628e1f04822e98b342bcc99290a24b16b204fa2f0b608ad29ed9a4122c");
  StateHasher pieces;
  pieces.add("ab");
  pieces.add_u8(7);
  pieces.add_u32(0x01020304);
  pieces.add(op_id_of(9).hash);
  StateHasher whole;
  whole.add("ab\x07\x04\x03\x02\x01"s + std::string(32, '\x09'));
  const Digest digest = whole.finish();
  CHECK(pieces.finish() == digest);
  CHECK(to_hex(digest.bytes) == "5e5e97b86a96328e77d1d3adff27f85361c92d34fc1fa3021a86fdbc0d5d5938");
}

TEST_CASE("each purpose has digests of its own", "[crypto]") {
  StateHasher state;
  LogId log;
  CHECK(op_id(log.bytes).hash != chain_start(log).bytes);
  state.add(log.bytes);
  CHECK(state.finish() != chain_start(log));
  CHECK(content_digest(Salt{}, "").bytes != op_id(bytes_of("")).hash);
}

TEST_CASE("random ids differ", "[crypto]") {
  CHECK(random_id<Salt>() != random_id<Salt>());
  CHECK(random_id<DocumentId>() != DocumentId{});
}
