#pragma once
// BLAKE2b-256 as musher uses it. Every use has its own personalisation (docs/format.md, "Digests"), so that a digest
// made for one purpose is never valid for another.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "model/ids.hpp"

namespace musher {

/// The id of an op with these canonical bytes.
[[nodiscard]] OpId op_id(std::span<const std::uint8_t> canonical);

/// The digest an op carries of its content: keyed with the salt, so that erased content cannot be guessed from it.
[[nodiscard]] Digest content_digest(const Salt& salt, std::string_view content);

/// c0 of a log's chain.
[[nodiscard]] Digest chain_start(const LogId& log);
/// c_n from c_(n-1): H(c_(n-1) || rowid || op id || signature || received_ms || source), numbers little-endian i64.
/// What a checkpoint or mark says about a prefix of one file. Untouched by an erase; local columns are in it, so that
/// an edit of who brought an op, or when, shows.
[[nodiscard]] Digest chain_next(const Digest& previous, RowId row, const OpId& id, const Signature& signature,
                                std::int64_t received_ms, std::string_view source);

/// An incremental BLAKE2b-256 for a document's state (docs/format.md, "State digest").
class StateHasher {
 public:
  StateHasher();
  StateHasher(const StateHasher&) = delete;
  StateHasher& operator=(const StateHasher&) = delete;
  ~StateHasher();
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  void add_u8(std::uint8_t value);
  void add_u32(std::uint32_t value);  ///< little-endian
  [[nodiscard]] Digest finish();      ///< once
 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What two nodes have said to each other before one proves its key: docs/sync.md, "Handshake".
[[nodiscard]] Digest handshake_digest(std::string_view transcript);

/// Tags what one end of a connection says: docs/sync.md, "Seals".
using MessageKey = std::array<std::uint8_t, 32>;
using MessageTag = std::array<std::uint8_t, 16>;
/// For what the end of that role (1 dialed, 2 listened) says. shared: what comes of the exchange keys. transcript: both
/// hellos, and the channel binding if the proofs have it.
[[nodiscard]] MessageKey message_key(std::span<const std::uint8_t, 32> shared, std::uint8_t role,
                                     std::string_view transcript);
/// number: of the message among those with a tag that this end has sent, from 0 on.
[[nodiscard]] MessageTag message_tag(const MessageKey& key, std::uint64_t number, std::string_view message);

/// What is kept of a token instead of the token.
[[nodiscard]] Digest token_digest(std::string_view token);
/// Takes as long whether and wherever they differ.
[[nodiscard]] bool equal_in_constant_time(const Digest& left, const Digest& right);
[[nodiscard]] bool equal_in_constant_time(const MessageTag& left, std::string_view right);

/// Fills out from the system's random source.
void random_bytes(std::span<std::uint8_t> out);

/// A random id or salt: random_id<Salt>().
template <class Id>
[[nodiscard]] Id random_id() {
  Id id;
  random_bytes(id.bytes);
  return id;
}

}  // namespace musher
