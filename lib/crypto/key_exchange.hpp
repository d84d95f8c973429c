#pragma once
// A secret that only the two ends of one connection have: docs/sync.md, "Seals".

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace musher {

/// An X25519 public key (RFC 7748), made for one connection.
using ExchangeKey = std::array<std::uint8_t, 32>;
/// What comes of one end's secret and the other's key. Wiped by whoever has it.
using SharedSecret = std::array<std::uint8_t, 32>;
/// The secret half of an exchange key: any 32 random bytes. Wiped in the end.
class ExchangeSecret {
 public:
  explicit ExchangeSecret(std::span<const std::uint8_t, 32> random);
  ExchangeSecret(const ExchangeSecret&) = delete;
  ExchangeSecret& operator=(const ExchangeSecret&) = delete;
  ~ExchangeSecret();

  [[nodiscard]] const ExchangeKey& key() const { return key_; }
  /// Nothing where the other key is of small order: what comes of it would be known to everybody.
  [[nodiscard]] std::optional<SharedSecret> shared_with(const ExchangeKey& theirs) const;

 private:
  std::array<std::uint8_t, 32> secret_{};
  ExchangeKey key_{};
};

void wipe(std::span<std::uint8_t> secret);

}  // namespace musher
