#pragma once
// The ops that count in one register, kept so that the highest one an op descends from is found with few questions.

#include <functional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "document/interner.hpp"
#include "model/ids.hpp"

namespace musher {

/// A line is ops of which each descends from the one before it: an author's, and after an equivocation one for each
/// branch. Of a line an op descends from the ops up to one of them, so that one op of the line tells whether it
/// descends from any that counted as far as it did, and a binary search from which. The lines are asked about at once;
/// those that did not count as far cost nothing.
class RegisterLines {
 public:
  /// Which of some ops that were noted are ancestors of the op in question.
  using AreAncestors = std::function<std::vector<bool>(std::span<const EntryNumber> ops)>;

  /// The highest seq among an op's ancestors, if it is not below the op's own seq; else 0.
  [[nodiscard]] Seq highest_from(Seq seq, const AreAncestors& are_ancestors) const;
  /// The next op of a line. Ops are noted after their ancestors.
  void note(EntryNumber line, EntryNumber op, Seq seq);

 private:
  struct Step {
    EntryNumber op;
    Seq top;  ///< the highest seq of the line so far
  };
  std::unordered_map<EntryNumber, std::vector<Step>> lines_;
  std::set<std::pair<Seq, EntryNumber>> tops_;  ///< how far each line counted
};

}  // namespace musher
