#pragma once
// Ancestry asked of a log without an index of all of it in memory: the ops above what is asked for are read, each once.

#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "document/ancestry.hpp"
#include "oplog/op_log.hpp"

namespace musher {

/// What a log says of its ops' places, each asked for once: an attacker's key may have thousands of ops at one index,
/// and a story thousands of purges that each of its inserts has to be compared with. Holds for ops that were in the log
/// when it was made: what comes later is no ancestor of them.
class KnownPlaces {
 public:
  explicit KnownPlaces(LogReader& log) : log_(log) {}

  [[nodiscard]] LogReader& log() { return log_; }
  /// Null when the op is not in the log. Good until the next question.
  [[nodiscard]] Result<const OpLinks*> links(const OpId& op);
  /// The author has no other op at that index.
  [[nodiscard]] Result<bool> alone(const AuthorId& author, OpIndex index);

  static constexpr std::size_t kMostKept = 100'000;  ///< of each; then it begins anew

 private:
  LogReader& log_;
  std::unordered_map<OpId, OpLinks, IdHash> links_;
  std::map<std::pair<AuthorId, OpIndex>, bool> alone_;
};

/// Everything some ops descend from, the deepest first, read as far as the questions ask. An author who has one op at
/// an index has all later ones descend from it, so that the walk often ends at an author's next op.
class AncestorWalk {
 public:
  explicit AncestorWalk(KnownPlaces& places) : places_(places) {}

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

  KnownPlaces& places_;
  std::unordered_set<OpId, IdHash> met_;
  std::unordered_map<AuthorId, OpIndex, IdHash> newest_;  ///< the highest index met of each author
  RowId last_row_{};                                      ///< of what was met: no ancestor has a later one
  std::vector<Open> open_;                                ///< a heap by depth: met, dependencies not yet
};

class LogAncestry final : public Ancestry {
 public:
  explicit LogAncestry(LogReader& log) : places_(log) {}
  LogAncestry(const LogAncestry&) = delete;
  LogAncestry& operator=(const LogAncestry&) = delete;
  ~LogAncestry() override = default;
  /// Questions about one descendant in a row share a walk.
  /// @errors as AncestorWalk::reaches.
  [[nodiscard]] Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override;
  /// Its author, where that has one branch.
  [[nodiscard]] Result<std::optional<std::uint64_t>> chain_of(const OpId& op) const override;

 private:
  mutable KnownPlaces places_;
  mutable std::map<AuthorId, std::optional<std::uint64_t>> chains_;
  mutable OpId start_;
  mutable std::optional<AncestorWalk> walk_;
};

}  // namespace musher
