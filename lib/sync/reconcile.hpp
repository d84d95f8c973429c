#pragma once
// What one node has and another has not, found through the tips of their authors' branches: O(authors + difference).
// docs/sync.md, "Reconciliation". Pure: reads of one log.

#include <variant>

#include "oplog/op_log.hpp"
#include "sync/message.hpp"

namespace musher::sync {

/// This log's tips as of its last row, read at one instant, in messages of at most kMaxTips.
[[nodiscard]] Result<std::vector<Tips>> tips_of(LogReader& log);

/// Which of another node's tips this log lacks, with what it has of their authors. What waits in quarantine is lacking
/// too: something that it needs may have been given up.
[[nodiscard]] Result<std::vector<Want::Branch>> lacking(LogReader& log, const std::vector<Tip>& tips);

/// Rows to send for a branch that somebody wants, ascending; or, when none of the bases it names is on the branch,
/// samples of the branch: 1, 2, 4, 8 ... ops back from its tip, and its first.
/// A tip that is not in this log gives no rows.
[[nodiscard]] Result<std::variant<std::vector<RowId>, Samples>> rows_of(LogReader& log, const Want::Branch& branch);

/// What to want of a branch after its samples: from the newest op of them that this log has, or from index 1.
[[nodiscard]] Result<Want::Branch> nearest_base(LogReader& log, const Samples& samples);

}  // namespace musher::sync
