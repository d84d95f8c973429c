#pragma once
// Shows of each message behind the handshake that the end whose key was proven sent it, at this place of this
// connection: whoever is in between can cut it off, and change or leave out nothing. docs/sync.md, "Seals".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/hashing.hpp"

namespace musher::sync {

class Seal {
 public:
  static constexpr std::size_t kTagBytes = sizeof(MessageTag);

  Seal(const MessageKey& ours, const MessageKey& theirs) : ours_(ours), theirs_(theirs) {}
  Seal(const Seal&) = default;
  Seal& operator=(const Seal&) = default;
  ~Seal();

  /// The message with its tag. They are sent in the order in which they were given to this.
  [[nodiscard]] std::string close(std::string message);
  /// What the other end said; nothing where it did not, or something before it is missing.
  [[nodiscard]] std::optional<std::string_view> open(std::string_view sealed);

 private:
  MessageKey ours_, theirs_;
  std::uint64_t sent_ = 0, received_ = 0;
};

}  // namespace musher::sync
