#include "model/canonical_bytes.hpp"

#include <cassert>
#include <cstring>

namespace musher {
namespace {

// Offsets of docs/format.md, "Layout".
constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kKindAt = 1;
constexpr std::size_t kDocumentAt = 2;
constexpr std::size_t kAuthorAt = 18;
constexpr std::size_t kIndexAt = 50;
constexpr std::size_t kPrevAt = 58;
constexpr std::size_t kSeqAt = 90;
constexpr std::size_t kTimeAt = 98;
constexpr std::size_t kTargetAt = 106;
constexpr std::size_t kDigestAt = 138;
constexpr std::size_t kParentCountAt = 170;
constexpr std::size_t kNameLengthAt = 171;
constexpr std::size_t kActorLengthAt = 172;

static_assert(kAuthorAt == kDocumentAt + sizeof(DocumentId));
static_assert(kIndexAt == kAuthorAt + sizeof(AuthorId));
static_assert(kPrevAt == kIndexAt + sizeof(OpIndex));
static_assert(kSeqAt == kPrevAt + sizeof(OpId));
static_assert(kTimeAt == kSeqAt + sizeof(Seq));
static_assert(kTargetAt == kTimeAt + sizeof(Op::time_ms));
static_assert(kDigestAt == kTargetAt + sizeof(OpId));
static_assert(kParentCountAt == kDigestAt + sizeof(Digest));
static_assert(kFixedOpBytes == kActorLengthAt + 1);

void put_u64(std::uint8_t* at, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint64_t get_u64(const std::uint8_t* at) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{at[i]} << (8 * i);
  return value;
}

template <std::size_t N>
void put(std::uint8_t* at, const std::array<std::uint8_t, N>& bytes) {
  std::memcpy(at, bytes.data(), N);
}

template <std::size_t N>
void get(const std::uint8_t* at, std::array<std::uint8_t, N>& bytes) {
  std::memcpy(bytes.data(), at, N);
}

bool is_kind(std::uint8_t byte) {
  return byte >= static_cast<std::uint8_t>(OpKind::insert) && byte <= static_cast<std::uint8_t>(OpKind::erase);
}

}  // namespace

std::vector<std::uint8_t> canonical_bytes(const Op& op) {
  std::vector<std::uint8_t> out;
  canonical_bytes(op, out);
  return out;
}

void canonical_bytes(const Op& op, std::vector<std::uint8_t>& out) {
  assert(op.parents.size() <= 255 && op.name.size() <= 255 && op.actor.size() <= 255);
  out.resize(canonical_size(op));
  std::uint8_t* const to = out.data();
  to[kVersionAt] = kFormatVersion;
  to[kKindAt] = static_cast<std::uint8_t>(op.kind);
  put(to + kDocumentAt, op.document.bytes);
  put(to + kAuthorAt, op.author.key);
  put_u64(to + kIndexAt, raw(op.index));
  put(to + kPrevAt, op.prev.hash);
  put_u64(to + kSeqAt, raw(op.seq));
  put_u64(to + kTimeAt, static_cast<std::uint64_t>(op.time_ms));
  put(to + kTargetAt, op.target.hash);
  put(to + kDigestAt, op.content_digest.bytes);
  to[kParentCountAt] = static_cast<std::uint8_t>(op.parents.size());
  to[kNameLengthAt] = static_cast<std::uint8_t>(op.name.size());
  to[kActorLengthAt] = static_cast<std::uint8_t>(op.actor.size());

  std::uint8_t* tail = to + kFixedOpBytes;
  for (const OpId& parent : op.parents) {
    put(tail, parent.hash);
    tail += sizeof(OpId);
  }
  tail = std::copy(op.name.begin(), op.name.end(), tail);
  std::copy(op.actor.begin(), op.actor.end(), tail);
}

std::expected<Op, Reject> parse_canonical_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() <= kKindAt) return std::unexpected(Reject::malformed);
  if (bytes[kVersionAt] != kFormatVersion) return std::unexpected(Reject::unknown_version);
  if (!is_kind(bytes[kKindAt])) return std::unexpected(Reject::unknown_kind);
  if (bytes.size() < kFixedOpBytes) return std::unexpected(Reject::malformed);

  const std::size_t parents = bytes[kParentCountAt];
  const std::size_t name_bytes = bytes[kNameLengthAt];
  const std::size_t actor_bytes = bytes[kActorLengthAt];
  if (bytes.size() != kFixedOpBytes + parents * sizeof(OpId) + name_bytes + actor_bytes) {
    return std::unexpected(Reject::malformed);
  }

  const std::uint8_t* const from = bytes.data();
  Op op;
  op.kind = static_cast<OpKind>(from[kKindAt]);
  get(from + kDocumentAt, op.document.bytes);
  get(from + kAuthorAt, op.author.key);
  op.index = OpIndex{get_u64(from + kIndexAt)};
  get(from + kPrevAt, op.prev.hash);
  op.seq = Seq{get_u64(from + kSeqAt)};
  op.time_ms = static_cast<std::int64_t>(get_u64(from + kTimeAt));
  get(from + kTargetAt, op.target.hash);
  get(from + kDigestAt, op.content_digest.bytes);

  const std::uint8_t* tail = from + kFixedOpBytes;
  op.parents.resize(parents);
  for (OpId& parent : op.parents) {
    get(tail, parent.hash);
    tail += sizeof(OpId);
  }
  op.name.assign(tail, tail + name_bytes);
  tail += name_bytes;
  op.actor.assign(tail, tail + actor_bytes);
  return op;
}

}  // namespace musher
