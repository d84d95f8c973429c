#pragma once
// The inside of an Identity, for identity.cpp and key_file.cpp.

#include <span>

#include "crypto/identity.hpp"
#include "crypto/sodium.hpp"

namespace musher {

inline constexpr std::size_t kSeedBytes = 32;
inline constexpr std::size_t kSecretKeyBytes = 64;  ///< the seed, then the public key

struct Identity::Secret {
  explicit Secret(std::span<const std::uint8_t> seed);

  SecretBytes key{kSecretKeyBytes};
  AuthorId author;
};

}  // namespace musher
