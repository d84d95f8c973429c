#pragma once
// Ancestry asked of a log without an index of all of it in memory: the ops above what is asked for are read, each once.

#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "document/ancestry.hpp"
#include "oplog/op_log.hpp"

namespace musher {

/// Everything some ops descend from, the deepest first, read as far as the questions ask. An author who has one op at
/// an index has all later ones descend from it, so that the walk often ends at an author's next op.
class AncestorWalk {
 public:
  explicit AncestorWalk(LogReader& log) : log_(log) {}

  [[nodiscard]] Result<void> start_from(const OpId& op);
  /// Whether `op` is one of the starts, or an ancestor of one; false when it is not in the log.
  /// @errors incomplete: more than `kMostOps` ops would have to be read (a writer holds the lock meanwhile).
  [[nodiscard]] Result<bool> reaches(const OpId& op);

  static constexpr std::size_t kMostOps = 1'000'000;

 private:
  struct Open {
    Depth depth{};
    std::vector<OpId> dependencies;
  };
  static bool shallower(const Open& a, const Open& b) { return a.depth < b.depth; }
  [[nodiscard]] Result<void> meet(const OpId& op);
  [[nodiscard]] bool has_met(const OpId& op, const OpLinks& links, bool alone) const;

  LogReader& log_;
  std::unordered_set<OpId, IdHash> met_;
  std::unordered_map<AuthorId, OpIndex, IdHash> newest_;  ///< the highest index met of each author
  RowId last_row_{};                                      ///< of what was met: no ancestor has a later one
  std::vector<Open> open_;                                ///< a heap by depth: met, dependencies not yet
};

class LogAncestry final : public Ancestry {
 public:
  explicit LogAncestry(LogReader& log) : log_(log) {}
  /// Questions about one descendant in a row share a walk.
  /// @errors as AncestorWalk::reaches.
  [[nodiscard]] Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override;
  /// Its author, where that has one branch.
  [[nodiscard]] Result<std::optional<std::uint64_t>> chain_of(const OpId& op) const override;

 private:
  LogReader& log_;
  mutable std::map<AuthorId, std::optional<std::uint64_t>> chains_;
  mutable OpId start_;
  mutable std::optional<AncestorWalk> walk_;
};

}  // namespace musher
