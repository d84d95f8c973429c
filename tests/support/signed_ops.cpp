#include "support/signed_ops.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"

namespace musher::testing {
namespace {

template <class Bytes>
void fill(Bytes& bytes, std::mt19937_64& random) {
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
}

OpId random_op_id(std::mt19937_64& random) {
  OpId id;
  fill(id.hash, random);
  return id;
}

std::string random_name(std::mt19937_64& random, std::size_t least) {
  static constexpr std::string_view kPieces[] = {"a",  "_",  "7", " ", "\xc3\xa9", "\xe2\x80\xae", "\xf0\x9f\x98\x80",
                                                 "\"", "\\", "/"};
  const std::size_t length = least + random() % (kMaxNameBytes + 1 - least);
  std::string name;
  while (name.size() < length) {
    const std::string_view piece = kPieces[random() % std::size(kPieces)];
    name += name.size() + piece.size() <= length ? piece : "x";
  }
  return name;
}

}  // namespace

Identity identity_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return Identity::from_seed(seed);
}

DocumentId test_document() {
  DocumentId document;
  document.bytes.fill(0xd0);
  return document;
}

OpId op_id_of(std::uint8_t byte) {
  OpId id;
  id.hash.fill(byte);
  return id;
}

Op plain_op(OpKind kind) {
  Op op;
  op.kind = kind;
  op.document = test_document();
  op.author = identity_of(1).author();
  op.index = OpIndex{1};
  op.seq = kind == OpKind::erase ? Seq{0} : Seq{1};
  op.time_ms = 1'790'000'000'000;
  op.actor = "alice";
  if (kind != OpKind::insert) op.target = op_id_of(7);
  if (kind == OpKind::insert) op.name = "478_story_sync";
  if (kind == OpKind::set) op.name = "stage";
  return op;
}

std::string plain_content(OpKind kind) {
  switch (kind) {
    case OpKind::insert: return R"({"name":"Sync","stage":"1_upcoming"})";
    case OpKind::set: return R"("2_current")";
    case OpKind::tombstone:
    case OpKind::erase: break;
  }
  return R"({"reason":"done"})";
}

VerifiedOp plain_signed(OpKind kind) {
  auto op = sign_op(identity_of(1), plain_op(kind), plain_content(kind));
  if (!op) throw std::logic_error(op.error().what);
  return *std::move(op);
}

SignedOp resigned(const Identity& identity, SignedOp claim) {
  claim.op.author = identity.author();
  if (claim.content) claim.op.content_digest = content_digest(claim.salt, *claim.content);
  claim.signature = identity.sign(op_id(canonical_bytes(claim.op)));
  return claim;
}

SignedOp random_claim(std::mt19937_64& random) {
  SignedOp claim;
  Op& op = claim.op;
  op.kind = static_cast<OpKind>(1 + random() % 4);
  op.document = test_document();
  op.index = random() % 3 == 0 ? OpIndex{1} : OpIndex{2 + (random() >> (1 + random() % 60)) % (INT64_MAX - 2)};
  if (op.index != OpIndex{1}) op.prev = random_op_id(random);
  if (op.kind != OpKind::erase) op.seq = Seq{1 + (random() >> (1 + random() % 60)) % (INT64_MAX - 1)};
  op.time_ms = static_cast<std::int64_t>(random());
  if (op.kind != OpKind::insert || random() % 2 == 0) op.target = random_op_id(random);
  static constexpr std::size_t kParents[] = {0, 1, 2, 3, 63, kMaxParents};
  op.parents.resize(kParents[random() % std::size(kParents)]);
  for (OpId& parent : op.parents) parent = random_op_id(random);
  std::ranges::sort(op.parents);
  if (op.kind == OpKind::insert || op.kind == OpKind::set) op.name = random_name(random, 1);
  if (op.kind == OpKind::tombstone) op.name = random_name(random, 0);
  op.actor = random_name(random, 0);
  if (op.kind == OpKind::insert || op.kind == OpKind::set || random() % 2 == 0) {
    claim.content = plain_content(op.kind);
    fill(claim.salt.bytes, random);
  }
  return resigned(identity_of(static_cast<std::uint8_t>(1 + random() % 3)), claim);
}

}  // namespace musher::testing
