#pragma once
// What an Ed25519 signature of musher covers: 16 bytes that say what for, then 32 bytes of digest (docs/format.md,
// "Signature").

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace musher {

inline constexpr std::size_t kDomainBytes = 16;
inline constexpr std::string_view kOpDomain = "musher sign op 1";
static_assert(kOpDomain.size() == kDomainBytes);

using SignedMessage = std::array<std::uint8_t, kDomainBytes + 32>;

/// Precondition: domain is at most 16 bytes; it is padded with zeros.
inline SignedMessage signed_message(std::string_view domain, const std::array<std::uint8_t, 32>& digest) {
  SignedMessage message{};
  std::ranges::copy(domain, message.begin());
  std::ranges::copy(digest, message.begin() + kDomainBytes);
  return message;
}

}  // namespace musher
