#pragma once
// A secret that only the two ends of one connection have, and the tags it puts on what they say: docs/sync.md, "Seals".

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace musher {

/// An X25519 public key (RFC 7748), made for one connection.
using ExchangeKey = std::array<std::uint8_t, 32>;
/// What comes of one end's secret and the other's key. Wiped by whoever has it.
using SharedSecret = std::array<std::uint8_t, 32>;
/// Tags what one end says.
using MessageKey = std::array<std::uint8_t, 32>;
using MessageTag = std::array<std::uint8_t, 16>;

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

/// For what the end of that role (1 dialed, 2 listened) says. transcript: both hellos, and the channel binding if the
/// proofs have it.
[[nodiscard]] MessageKey message_key(const SharedSecret& shared, std::uint8_t role, std::string_view transcript);
/// number: of the message among those with a tag that this end has sent, from 0 on.
[[nodiscard]] MessageTag message_tag(const MessageKey& key, std::uint64_t number, std::string_view message);
/// Takes as long whether and wherever they differ.
[[nodiscard]] bool equal_in_constant_time(const MessageTag& left, std::string_view right);
void wipe(std::span<std::uint8_t> secret);

}  // namespace musher
