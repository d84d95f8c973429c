#pragma once
// The numbers of an Ed25519 signature: s, and h, the challenge (RFC 8032, 5.1.7).

#include <array>
#include <cstdint>

#include "model/ids.hpp"

namespace musher {

using Scalar = std::array<std::uint8_t, 32>;  ///< little-endian

/// L, the order of the base point.
inline constexpr Scalar kGroupOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                       0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

[[nodiscard]] bool is_below_order(const Scalar& scalar);

/// Modulo L.
[[nodiscard]] Scalar reduced(const std::array<std::uint8_t, 64>& wide);

/// h of a signature over the id, modulo L: SHA-512 of R, the author key and the message.
[[nodiscard]] Scalar challenge(const std::array<std::uint8_t, 32>& r, const std::array<std::uint8_t, 32>& author,
                               const OpId& id);

}  // namespace musher
