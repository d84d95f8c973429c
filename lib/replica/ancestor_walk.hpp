#pragma once
// Ancestry asked of a log without an index of all of it in memory: the ops above what is asked for are read, each once.

#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "document/ancestry.hpp"
#include "document/known_purges.hpp"
#include "oplog/op_log.hpp"

namespace musher {

/// What a log says of its ops' places, each asked for once: an attacker's key may have thousands of ops at one index,
/// and a story thousands of purges. Holds for ops that were in the log
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
  [[nodiscard]] std::size_t met() const { return met_.size(); }

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

/// What is asked of purges is answered by a walk for each insert: mostly it ends soon, at an author's next op. Where
/// the walks of one ancestry have met many ops, they meet the same ones again and again. From then on all that an
/// insert descends from and that is as deep as the oldest purge is read, each op once, and remembered: about 100 bytes
/// an op, and as document/known_purges.hpp says.
class LogAncestry final : public Ancestry {
 public:
  /// most_met: ops that the walks about purges may meet in all, before one more begins.
  explicit LogAncestry(LogReader& log, std::size_t most_met = kMostMet) : places_(log), most_met_(most_met) {}
  LogAncestry(const LogAncestry&) = delete;
  LogAncestry& operator=(const LogAncestry&) = delete;
  ~LogAncestry() override = default;
  /// Questions about one descendant in a row share a walk.
  /// @errors as AncestorWalk::reaches.
  [[nodiscard]] Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override;
  /// Purges are numbered as they are asked about: best in the order of their rows, and before what comes behind them.
  [[nodiscard]] Result<std::uint32_t> purge_number(const OpId& purge) const override;
  /// @errors as AncestorWalk::reaches.
  [[nodiscard]] Result<bool> descends_from_all(const OpId& descendant, const NumberSet& purges) const override;

  static constexpr std::size_t kMostMet = 100'000;

 private:
  /// An op that is being read: its dependencies come first.
  struct Pending {
    OpId id;
    std::vector<OpId> dependencies;
    std::size_t started = 0;
  };
  [[nodiscard]] Result<std::optional<bool>> walk_to_all(const OpId& descendant, const NumberSet& purges) const;
  void forget_what_was_read() const;
  [[nodiscard]] Result<void> read(const OpId& op) const;
  [[nodiscard]] Result<void> start_reading(const OpId& op, std::vector<Pending>& pending) const;

  mutable KnownPlaces places_;
  std::size_t most_met_;  // fixed after construction
  mutable OpId start_;
  mutable std::optional<AncestorWalk> walk_;
  mutable std::size_t met_ = 0;                                      // in walks about purges
  mutable std::vector<OpId> purges_;                                 // by number
  mutable std::unordered_map<OpId, std::uint32_t, IdHash> numbers_;  // of purges
  mutable Depth oldest_{std::numeric_limits<std::uint64_t>::max()};  // the least depth of a purge
  mutable std::unordered_map<OpId, EntryNumber, IdHash> read_;       // number in known_, or kNoEntry: not as deep
  mutable RowId last_read_{};                                        // the last row among them
  mutable KnownPurges known_;
};

}  // namespace musher
