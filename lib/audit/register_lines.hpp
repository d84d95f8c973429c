#pragma once
// The ops that count in one register, kept so that the highest one an op descends from is found by what that op knows.

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "document/causal_index.hpp"
#include "model/ids.hpp"

namespace musher {

/// A line is the register's ops of one branch. An author may begin as many lines as he writes ops, so nothing here
/// looks at each of them: of the branches that an op knows, each has one line at most, and how far that had counted by
/// then is a binary search.
class RegisterLines {
 public:
  /// The highest seq among an op's ancestors, if it is not below the op's own seq; else 0. It costs nothing if no op
  /// counted as far, else the index's visit since the first one that did. Nothing when `go_on`, which is asked once for
  /// each branch, said false.
  [[nodiscard]] std::optional<Seq> highest_from(Seq seq, CausalIndex::Place op, const CausalIndex& index,
                                                const std::function<bool()>& go_on) const;
  /// Ops are noted in the index's order.
  void note(CausalIndex::Place op, Seq seq);

 private:
  struct Step {
    EntryNumber op;
    Seq top;  ///< the highest seq up to this op
  };
  using Line = std::vector<Step>;  ///< the ops that raised it
  static void raise(Line& line, EntryNumber op, Seq seq);

  std::unordered_map<EntryNumber, Line> lines_;  ///< by branch
  Line all_;                                     ///< as if all were of one branch
};

}  // namespace musher
