#pragma once
// What one node has and another has not, found through the tips of their authors' branches: O(authors + difference).
// docs/sync.md, "Reconciliation". Pure: reads of one log.

#include <optional>
#include <set>
#include <vector>

#include "oplog/op_log.hpp"
#include "sync/message.hpp"

namespace musher::sync {

/// This log's tips as of its last row, read at one instant, in messages of at most kMaxTips.
[[nodiscard]] Result<std::vector<Tips>> tips_of(LogReader& log);

/// Which of another node's tips this log lacks, with what it has of their authors. What waits in quarantine is lacking
/// too: something that it needs may have been given up.
[[nodiscard]] Result<std::vector<Want::Branch>> lacking(LogReader& log, const std::vector<Tip>& tips);

/// The rows that a peer wants of this log, over all branches that it names in one round of tips.
class WantedRows {
 public:
  /// The rows of a branch; or, when none of the bases it names is on the branch, samples of it and no rows: 1, 2, 4,
  /// 8 ... ops back from its tip, and its first. A tip that is not in this log gives no rows. What several branches
  /// share is looked at and taken once.
  [[nodiscard]] Result<std::optional<Samples>> add(LogReader& log, const Want::Branch& branch);
  /// More was asked than any honest peer has to ask: nothing is added any more.
  [[nodiscard]] bool too_much() const { return too_much_; }
  /// Ascending, each once.
  [[nodiscard]] std::vector<RowId> rows() const;

 private:
  [[nodiscard]] Result<std::optional<Samples>> add_one_of_several(LogReader& log, const Want::Branch& branch,
                                                                  const OpLinks& at);
  [[nodiscard]] bool is_taken(RowId row) const;
  void take(RowId row);

  std::vector<bool> taken_;         ///< by row number
  std::set<AuthorId> given_whole_;  ///< authors with one branch, whose rows were taken
  std::uint64_t steps_ = 0;         ///< ops that were looked at one by one
  bool too_much_ = false;
};

/// What to want of a branch after its samples: from the newest op of them that this log has, or from index 1.
[[nodiscard]] Result<Want::Branch> nearest_base(LogReader& log, const Samples& samples);

}  // namespace musher::sync
