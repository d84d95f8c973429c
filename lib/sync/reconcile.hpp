#pragma once
// What one node has and another has not, found through the tips of their authors' branches: O(authors + difference).
// docs/sync.md, "Reconciliation". Pure: reads of one log.

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "oplog/op_log.hpp"
#include "sync/message.hpp"

namespace musher::sync {

/// Of a round. A log with more authors' branches is not reconciled by tips.
constexpr std::size_t kMostTips = 262'144;

/// This log's tips as of its last row, in messages of at most kMaxTips.
[[nodiscard]] Result<std::vector<Tips>> tips_of(LogReader& log);

/// Which of another node's tips this log lacks, with what it has of their authors. What waits in quarantine is lacking
/// too: something that it needs may have been given up. In the order of the tips.
[[nodiscard]] Result<std::vector<Want::Branch>> lacking(LogReader& log, std::span<const Tip> tips);

/// The rows that a peer wants of this log, over all branches that it names in one round of tips.
class WantedRows {
 public:
  /// is_limited: a peer asks, who may ask for more than any honest one has to.
  explicit WantedRows(bool is_limited) : is_limited_(is_limited) {}

  /// The rows of a branch; or, when none of the bases it names is on the branch, samples of it and no rows: 1, 2, 4,
  /// 8 ... ops back from its tip, and its first. A tip that is not in this log gives no rows. What several branches
  /// share is looked at and taken once.
  [[nodiscard]] Result<std::optional<Samples>> add(LogReader& log, const Want::Branch& branch);
  /// Nothing is added any more.
  [[nodiscard]] bool too_much() const { return too_much_; }
  /// Branches, and ops that were looked at one by one, so far.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// Ascending, each once; to be asked for once.
  [[nodiscard]] std::vector<RowId> rows();

 private:
  /// Down a branch on which none of the bases is.
  struct Walk {
    OpIndex tip{};
    std::vector<OpId> ids{};               ///< the tip, and those behind it by prev
    std::optional<std::size_t> goes_on{};  ///< behind these it is this walk's
  };
  struct Barren {
    std::set<OpId> bases{};
    std::vector<Walk> walks{};
    std::map<RowId, std::size_t> rows{};  ///< of ids of which walk
    /// The op of a walk with this index.
    [[nodiscard]] std::optional<OpId> op_at(std::size_t number, std::uint64_t index) const;
  };

  [[nodiscard]] Result<std::optional<Samples>> add_one_of_several(LogReader& log, const Want::Branch& branch,
                                                                  const OpLinks& at);

  [[nodiscard]] Result<bool> step(LogReader& log);

  const bool is_limited_;
  std::vector<RowId> rows_;
  std::set<RowId> taken_;                 ///< of authors with several branches
  std::map<AuthorId, bool> has_several_;  ///< branches
  std::set<AuthorId> given_whole_;        ///< authors with one branch, whose rows were taken
  std::map<AuthorId, Barren> barren_;     ///< where the last bases that were nowhere on a branch are not
  std::set<OpId> sampled_;                ///< tips
  std::uint64_t steps_ = 0;               ///< branches, and ops that were looked at one by one
  std::uint64_t most_steps_ = 0;
  bool too_much_ = false;
};

/// What to want of a branch after its samples: from the newest op of them that this log has, or from index 1.
[[nodiscard]] Result<Want::Branch> nearest_base(LogReader& log, const Samples& samples);

}  // namespace musher::sync
