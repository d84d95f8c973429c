#pragma once
// The order of the list: docs/format.md, "List order".

#include <compare>
#include <tuple>
#include <vector>

#include "document/interner.hpp"
#include "document/items.hpp"

namespace musher {

/// What orders the writers of a register, and the items that were inserted after the same one: seq, author, op id.
struct WriteKey {
  Seq seq{};
  const AuthorId& author;
  const OpId& id;
  std::strong_ordering operator<=>(const WriteKey& other) const {
    return std::tie(seq, author, id) <=> std::tie(other.seq, other.author, other.id);
  }
};

/// All items, hidden ones too: each before those inserted after it, siblings with the highest key first.
/// O(n log n), without recursion.
[[nodiscard]] std::vector<EntryNumber> list_order(const Items& items, const AuthorInterner& authors);

}  // namespace musher
