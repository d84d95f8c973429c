#include "crypto/key_exchange.hpp"

#include <sodium.h>

#include <algorithm>

#include "crypto/hashing.hpp"
#include "crypto/sodium.hpp"

namespace musher {

static_assert(crypto_scalarmult_BYTES == sizeof(ExchangeKey) && crypto_scalarmult_SCALARBYTES == sizeof(SharedSecret));

ExchangeSecret::ExchangeSecret(std::span<const std::uint8_t, 32> random) {
  start_sodium();
  std::ranges::copy(random, secret_.begin());
  crypto_scalarmult_base(key_.data(), secret_.data());
}

ExchangeSecret::~ExchangeSecret() { wipe(secret_); }

std::optional<SharedSecret> ExchangeSecret::shared_with(const ExchangeKey& theirs) const {
  SharedSecret shared;
  if (crypto_scalarmult(shared.data(), secret_.data(), theirs.data()) != 0) return std::nullopt;
  return shared;
}

MessageKey message_key(const SharedSecret& shared, std::uint8_t role, std::string_view transcript) {
  return session_digest(shared, role, transcript).bytes;
}

MessageTag message_tag(const MessageKey& key, std::uint64_t number, std::string_view message) {
  const Digest digest = tag_digest(key, number, message);
  MessageTag tag;
  std::copy_n(digest.bytes.begin(), tag.size(), tag.begin());
  return tag;
}

bool equal_in_constant_time(const MessageTag& left, std::string_view right) {
  return right.size() == left.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

void wipe(std::span<std::uint8_t> secret) { sodium_memzero(secret.data(), secret.size()); }

}  // namespace musher
