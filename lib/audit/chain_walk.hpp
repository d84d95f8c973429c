#pragma once
// Follows the chain digest down the log and holds each stored mark against it.

#include <optional>
#include <vector>

#include "audit/finding_list.hpp"
#include "oplog/rows.hpp"

namespace musher {

/// Every stretch between two marks is judged by itself: after a mark that does not fit, the walk goes on both from what
/// it computed and from what is stored, so that one damaged mark is one finding, and damage further on is found as
/// well. A stretch in which a row is lost or damaged cannot fit; that row's own finding says so.
class ChainWalk {
 public:
  /// marks: as stored, by row.
  ChainWalk(const LogId& log, std::vector<Mark> marks, FindingList& findings);

  /// Rows before the next one are missing or unreadable, and a finding says so.
  void expect_loss() { loss_expected_ = break_expected_ = true; }
  /// The row that can be read next, in rowid order; then row() or malformed() of it.
  void next_row(RowId row);
  /// A row is not as it was admitted, and a finding says so: the stretch it is in need not fit.
  void expect_break() { break_expected_ = true; }
  /// id: what is known to be its own. seq_holds: false when kind and seq may not be what they were, and a finding says
  /// so.
  void row(const OpRow& row, const OpId& id, bool seq_holds);
  /// A row that is there and cannot be walked over. Its own finding: expect_break().
  void malformed(RowId row);
  /// After the last row. tail_lost: rows behind it are known to be missing, and the marks of those with them.
  void finish(bool tail_lost);

  /// Whether the log up to and including the last row passed has this digest. As far as damage that has a finding in
  /// this run allows: after a broken stretch, counting from the mark behind it.
  [[nodiscard]] bool agrees(const Digest& chain) const;
  /// The last row passed lies in a stretch that is broken already, and a finding says so.
  [[nodiscard]] bool break_reported() const { return break_expected_ || rebased_; }
  /// The chain digest of the log as it stands; nothing once a broken stretch was passed, behind which counting went on
  /// from a stored mark.
  [[nodiscard]] std::optional<Digest> chain() const { return whole_ ? std::optional(computed_.chain) : std::nullopt; }

 private:
  void arrive(RowId row);
  void compare(const Mark& stored);
  bool report(const Mark& stored);

  // fixed after construction
  std::vector<Mark> marks_;
  FindingList& findings_;
  // changes with each row
  Mark computed_;
  std::optional<Mark> rebased_;  ///< counted from the last mark that did not fit, when a finding says why
  bool whole_ = true;            ///< computed_ comes from the rows alone
  std::size_t next_mark_ = 0;
  RowId last_mark_{};  ///< the stretch begins after it
  bool break_expected_ = false;
  bool loss_expected_ = false;
  bool list_seq_in_doubt_ = false;  ///< since the last mark that fitted
  std::uint64_t marks_missing_ = 0;
  RowId first_missing_{};
};

}  // namespace musher
