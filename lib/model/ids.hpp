#pragma once
// The identifiers of the op log. Each is a type of its own, so that one cannot be passed for another.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/sip_hash.hpp"

namespace musher {

/// Ed25519 public key (RFC 8032 encoding) of the identity that wrote an op.
struct AuthorId {
  std::array<std::uint8_t, 32> key{};
  auto operator<=>(const AuthorId&) const = default;
};

/// BLAKE2b-256 of an op's canonical bytes. All zeros means "none" where an op names another op.
struct OpId {
  std::array<std::uint8_t, 32> hash{};
  auto operator<=>(const OpId&) const = default;
  [[nodiscard]] bool is_zero() const { return *this == OpId{}; }
};

/// BLAKE2b-256 of something that is not an op: content, a chain of rows, a document's state.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
  [[nodiscard]] bool is_zero() const { return *this == Digest{}; }
};

/// Random, the same on every node that holds the document.
struct DocumentId {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const DocumentId&) const = default;
};

/// Random, one for each file: two nodes with one document have two log ids.
struct LogId {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const LogId&) const = default;
};

/// Random key of a content digest, stored beside the content and dropped with it.
struct Salt {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Salt&) const = default;
};

/// Ed25519 signature, R then s.
struct Signature {
  std::array<std::uint8_t, 64> bytes{};
  auto operator<=>(const Signature&) const = default;
};

enum class Seq : std::uint64_t {};      ///< Lamport counter of one register or of the list; 0 is before every op
enum class OpIndex : std::uint64_t {};  ///< the author's own op counter, from 1
enum class Depth : std::uint64_t {};    ///< 1 + the deepest dependency's; an op without dependencies has 1
enum class RowId : std::int64_t {};     ///< row of one file's crdt_ops, from 1: means something only with its log id

static_assert(!std::is_convertible_v<RowId, std::int64_t>, "a row number cannot slip into a message");

/// The plain number of a Seq, OpIndex, Depth or RowId.
template <class Number>
requires std::is_enum_v<Number>
[[nodiscard]] constexpr auto raw(Number number) { return static_cast<std::underlying_type_t<Number>>(number); }

/// The number after this one.
template <class Number>
requires std::is_enum_v<Number>
[[nodiscard]] constexpr Number next(Number number) { return static_cast<Number>(raw(number) + 1); }

/// Hash for unordered containers and slot tables. Any eight bytes of a digest are as good as random, but whoever writes
/// ops can make many and keep those whose ids fall together: without the key he does not know which do.
struct IdHash {
  std::size_t operator()(const OpId& id) const { return word(id.hash.data()); }
  std::size_t operator()(const AuthorId& id) const { return word(id.key.data()); }

 private:
  static std::size_t word(const std::uint8_t* bytes) {
    std::size_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return sip_hash(process_sip_key(), value);
  }
};

}  // namespace musher
