#include "crypto/signature_scalars.hpp"

#include <sodium.h>

#include <algorithm>
#include <ranges>

#include "crypto/signed_message.hpp"

namespace musher {

bool is_below_order(const Scalar& scalar) {
  return std::ranges::lexicographical_compare(scalar | std::views::reverse, kGroupOrder | std::views::reverse);
}

Scalar reduced(const std::array<std::uint8_t, crypto_hash_sha512_BYTES>& wide) {
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  return scalar;
}

Scalar challenge(const std::array<std::uint8_t, 32>& r, const std::array<std::uint8_t, 32>& author, const OpId& id) {
  const SignedMessage message = signed_message(kOpDomain, id.hash);
  std::array<std::uint8_t, 64 + std::tuple_size_v<SignedMessage>> text;
  auto to = std::ranges::copy(r, text.begin()).out;
  to = std::ranges::copy(author, to).out;
  std::ranges::copy(message, to);
  std::array<std::uint8_t, crypto_hash_sha512_BYTES> wide;
  crypto_hash_sha512(wide.data(), text.data(), text.size());
  return reduced(wide);
}

}  // namespace musher
