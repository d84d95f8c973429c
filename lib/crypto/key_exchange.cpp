#include "crypto/key_exchange.hpp"

#include <sodium.h>

#include <algorithm>

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

void wipe(std::span<std::uint8_t> secret) { sodium_memzero(secret.data(), secret.size()); }

}  // namespace musher
