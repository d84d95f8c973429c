#pragma once
// What one node has and another has not, found through the tips of their authors' branches: O(authors + difference).
// docs/sync.md, "Reconciliation". Pure: reads of one log.

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "oplog/op_log.hpp"
#include "sync/message.hpp"
#include "sync/row_marks.hpp"

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
  /// Precondition: unless goes_on(), when it has to be the same branch again.
  [[nodiscard]] Result<std::optional<Samples>> add(LogReader& log, const Want::Branch& branch);
  /// From here on add() looks up about so many ops, and stops in the middle of a branch if it has to: a log is read for
  /// other peers too.
  void look_up_at_most(std::uint64_t ops) { left_ = ops; }
  [[nodiscard]] bool is_spent() const { return left_ == 0; }
  /// The branch is not done.
  [[nodiscard]] bool goes_on() const { return down_.has_value() || range_.has_value(); }
  /// Nothing is added any more.
  [[nodiscard]] bool too_much() const { return too_much_; }
  /// Ascending, each once; to be asked for once.
  [[nodiscard]] std::vector<RowId> rows();

 private:
  /// Down a branch on which none of the bases is.
  struct Walk {
    OpIndex tip{};
    std::vector<OpId> ids{};                 ///< the tip, and those behind it by prev
    std::optional<std::uint32_t> goes_on{};  ///< behind these it is the walk's with this number
  };
  /// An author's branches on which none of the last bases is.
  struct Barren {
    std::set<OpId> bases{};
    std::uint32_t first = 0;  ///< number of the first walk: lower ones were of other bases
    std::vector<Walk> walks{};
    /// The op with this index of a walk, or of those that it goes on with. hops: grows by the number of those.
    [[nodiscard]] std::optional<OpId> op_at(std::uint32_t walk, std::uint64_t index, std::uint64_t& hops) const;
  };
  /// A branch of an author with several, on the way down from its tip.
  struct Down {
    OpLinks at;
    std::set<OpId> bases{};
    bool barren_before = false;  ///< these are the bases of barren_
    Walk walk{};
    std::vector<RowId> rows{};
    OpId from{};
    std::uint64_t index = 0;
    std::uint64_t stride = 0;
    bool ended = false;
    bool at_taken = false;
  };
  /// Of an author with one branch.
  struct Range {
    AuthorId author;
    OpIndex after{};
    OpIndex upto{};
  };

  [[nodiscard]] Result<std::optional<Samples>> begin(LogReader& log, const Want::Branch& branch);
  [[nodiscard]] Result<void> go_through_range(LogReader& log);
  [[nodiscard]] Result<std::optional<Samples>> go_down(LogReader& log, const OpId& tip);
  [[nodiscard]] bool visit(const OpId& id, const std::optional<OpLinks>& links);
  [[nodiscard]] Result<std::optional<Samples>> samples_at(const OpId& tip, Down down);
  [[nodiscard]] Result<bool> step(LogReader& log);
  void spend(std::uint64_t ops) { left_ -= std::min(left_, ops); }

  const bool is_limited_;
  std::vector<RowId> rows_;
  RowMarks seen_;                         ///< of authors with several branches: taken, or the number of a walk
  std::map<AuthorId, bool> has_several_;  ///< branches
  std::set<AuthorId> given_whole_;        ///< authors with one branch, whose rows were taken
  std::map<AuthorId, Barren> barren_;
  std::set<OpId> sampled_;  ///< tips
  std::optional<Down> down_;
  std::optional<Range> range_;
  std::uint64_t left_ = std::numeric_limits<std::uint64_t>::max();  ///< of what may be looked up now
  std::uint64_t steps_ = 0;  ///< branches, and ops that were looked at one by one
  std::uint64_t most_steps_ = 0;
  bool too_much_ = false;
};

/// What to want of a branch after its samples: from the newest op of them that this log has, or from index 1.
[[nodiscard]] Result<Want::Branch> nearest_base(LogReader& log, const Samples& samples);

}  // namespace musher::sync
