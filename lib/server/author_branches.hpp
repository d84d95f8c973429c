#pragma once
// Where an author went on from one op twice: seen from the rows as they come, at the cost of two look-ups in memory.

#include <unordered_set>

#include "oplog/rows.hpp"

namespace musher {

/// Two different ops of one author after the same op, or two first ones: an equivocation.
struct Equivocation {
  AuthorId author;
  OpIndex index{};  ///< of both
  OpId first;       ///< it was here before
  OpId second;
};

class AuthorBranches {
 public:
  /// The next row that applies, in rowid order. True when its author had gone on from the same op already.
  bool take(const OpRow& row);

 private:
  std::unordered_set<OpId, IdHash> tips_;       ///< the last op of each branch
  std::unordered_set<AuthorId, IdHash> begun_;  ///< who has an op
};

}  // namespace musher
