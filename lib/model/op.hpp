#pragma once
// An op: one signed change to a document. The layout and the rules are specified in docs/format.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.hpp"

namespace musher {

enum class OpKind : std::uint8_t {
  insert = 1,     ///< puts an item into the list
  set = 2,        ///< writes one field of an item
  tombstone = 3,  ///< deletes an item; with a name it is a purge of that story ("delete" in text and JSON)
  erase = 4,      ///< drops the content of one op, keeping its digest
};

inline constexpr std::size_t kMaxContentBytes = 1024 * 1024;
inline constexpr std::size_t kMaxJsonDepth = 32;  ///< nested arrays and objects; a scalar has depth 0
inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::size_t kMaxActorBytes = 128;
inline constexpr std::size_t kMaxParents = 64;
inline constexpr std::uint8_t kFormatVersion = 1;

/// What the op id commits to and the signature covers.
struct Op {
  OpKind kind = OpKind::insert;
  DocumentId document;
  AuthorId author;
  OpIndex index{1};
  OpId prev;  ///< the author's op with index - 1; zero at index 1
  Seq seq{};
  std::int64_t time_ms = 0;  ///< the author's claim, ms since 1970 UTC: shown, never used for order
  OpId target;  ///< insert: the item it goes after, zero for the head. set, tombstone: the item. erase: the op
  std::vector<OpId> parents;  ///< the document's heads when the op was written, strictly ascending, at most 64
  std::string name;           ///< set: the field. insert: the story id. tombstone: the story id of a purge, else empty
  std::string actor;          ///< on whose behalf, as the author claims; may be empty
  Digest content_digest;      ///< zero when the op has no content

  bool operator==(const Op&) const = default;

  [[nodiscard]] bool is_purge() const { return kind == OpKind::tombstone && !name.empty(); }
};

/// Claims to be an op: nothing is checked. Content is canonical JSON; absent when there is none or it was erased.
struct SignedOp {
  Op op;
  Signature signature;
  std::optional<std::string> content;
  Salt salt;  ///< zero exactly when content is absent

  bool operator==(const SignedOp&) const = default;
};

/// The ids an op depends on, without zeros and duplicates: parents, prev and target. Order is ascending.
[[nodiscard]] std::vector<OpId> dependencies(const Op& op);

/// "insert", "set", "delete", "erase".
[[nodiscard]] std::string_view to_string(OpKind kind);

}  // namespace musher
