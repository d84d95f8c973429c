#include "crypto/hashing.hpp"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "crypto/sodium.hpp"

namespace musher {
namespace {

// What a digest is for: 16 bytes, padded with zeros (docs/format.md, "Digests").
using Personal = std::array<std::uint8_t, crypto_generichash_blake2b_PERSONALBYTES>;

template <std::size_t N>
constexpr Personal personal(const char (&text)[N]) {
  static_assert(N - 1 <= std::tuple_size_v<Personal>);
  Personal padded{};
  for (std::size_t i = 0; i + 1 < N; ++i) padded[i] = static_cast<std::uint8_t>(text[i]);
  return padded;
}

constexpr Personal kOpPersonal = personal("musher op 1");
constexpr Personal kContentPersonal = personal("musher content 1");
constexpr Personal kChainPersonal = personal("musher chain 1");
constexpr Personal kStatePersonal = personal("musher state 1");
constexpr Personal kSyncPersonal = personal("musher sync 1");  // docs/sync.md
constexpr Personal kSyncKeyPersonal = personal("musher sync key");
constexpr Personal kSyncTagPersonal = personal("musher sync tag");
constexpr Personal kTokenPersonal = personal("musher token 1");  // in memory only: not of the format

constexpr std::size_t kDigestBytes = sizeof(Digest);
static_assert(kDigestBytes == 32 && sizeof(OpId) == kDigestBytes);

using Hash = std::array<std::uint8_t, kDigestBytes>;

Hash blake2b(const Personal& purpose, std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> key = {}) {
  start_sodium();
  Hash hash;
  [[maybe_unused]] const int failed = crypto_generichash_blake2b_salt_personal(
      hash.data(), hash.size(), bytes.data(), bytes.size(), key.data(), key.size(), nullptr, purpose.data());
  assert(failed == 0);
  return hash;
}

void begin(crypto_generichash_blake2b_state& blake, const Personal& purpose, std::span<const std::uint8_t> key = {}) {
  crypto_generichash_blake2b_init_salt_personal(&blake, key.data(), key.size(), kDigestBytes, nullptr, purpose.data());
}

void add(crypto_generichash_blake2b_state& blake, std::span<const std::uint8_t> bytes) {
  crypto_generichash_blake2b_update(&blake, bytes.data(), bytes.size());
}

Hash end(crypto_generichash_blake2b_state& blake) {
  Hash hash;
  crypto_generichash_blake2b_final(&blake, hash.data(), hash.size());
  return hash;
}

template <class Number>
std::array<std::uint8_t, sizeof(Number)> little_endian(Number value) {
  std::array<std::uint8_t, sizeof(Number)> bytes;
  for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  return bytes;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

OpId op_id(std::span<const std::uint8_t> canonical) { return OpId{blake2b(kOpPersonal, canonical)}; }

Digest content_digest(const Salt& salt, std::string_view content) {
  return Digest{blake2b(kContentPersonal, bytes_of(content), salt.bytes)};
}

Digest chain_start(const LogId& log) { return Digest{blake2b(kChainPersonal, log.bytes)}; }

Digest chain_next(const Digest& previous, RowId row, const OpId& id, const Signature& signature,
                  std::int64_t received_ms, std::string_view source) {
  start_sodium();
  crypto_generichash_blake2b_state blake;
  begin(blake, kChainPersonal);
  add(blake, previous.bytes);
  add(blake, little_endian(static_cast<std::uint64_t>(raw(row))));
  add(blake, id.hash);
  add(blake, signature.bytes);
  add(blake, little_endian(static_cast<std::uint64_t>(received_ms)));
  add(blake, bytes_of(source));
  return Digest{end(blake)};
}

struct StateHasher::State {
  crypto_generichash_blake2b_state blake;
};

StateHasher::StateHasher() : state_(std::make_unique<State>()) {
  start_sodium();
  begin(state_->blake, kStatePersonal);
}

StateHasher::~StateHasher() = default;

void StateHasher::add(std::span<const std::uint8_t> bytes) { musher::add(state_->blake, bytes); }

void StateHasher::add(std::string_view text) { add(bytes_of(text)); }

void StateHasher::add_u8(std::uint8_t value) { add(std::span(&value, 1)); }

void StateHasher::add_u32(std::uint32_t value) { add(little_endian(value)); }

Digest StateHasher::finish() { return Digest{end(state_->blake)}; }

Digest handshake_digest(std::string_view transcript) { return Digest{blake2b(kSyncPersonal, bytes_of(transcript))}; }

MessageKey message_key(std::span<const std::uint8_t, 32> shared, std::uint8_t role, std::string_view transcript) {
  start_sodium();
  crypto_generichash_blake2b_state blake;
  begin(blake, kSyncKeyPersonal);
  add(blake, shared);
  add(blake, std::span(&role, 1));
  add(blake, bytes_of(transcript));
  return end(blake);
}

MessageTag message_tag(const MessageKey& key, std::uint64_t number, std::string_view message) {
  crypto_generichash_blake2b_state blake;
  begin(blake, kSyncTagPersonal, key);
  add(blake, little_endian(number));
  add(blake, bytes_of(message));
  const Hash hash = end(blake);
  MessageTag tag;
  std::copy_n(hash.begin(), tag.size(), tag.begin());
  return tag;
}

Digest token_digest(std::string_view token) { return Digest{blake2b(kTokenPersonal, bytes_of(token))}; }

bool equal_in_constant_time(const Digest& left, const Digest& right) {
  return sodium_memcmp(left.bytes.data(), right.bytes.data(), kDigestBytes) == 0;
}

bool equal_in_constant_time(const MessageTag& left, std::string_view right) {
  return right.size() == left.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

void random_bytes(std::span<std::uint8_t> out) {
  start_sodium();
  randombytes_buf(out.data(), out.size());
}

}  // namespace musher
