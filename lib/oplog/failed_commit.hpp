#pragma once
// COMMIT returned an error. Whether the transaction is in the log all the same is a question to the file, not to the
// error.

#include <cstdint>
#include <optional>

#include "model/ids.hpp"
#include "model/result.hpp"
#include "oplog/open_log.hpp"

namespace musher {

/// Something that is in the log if and only if the transaction is.
struct CommitTrace {
  std::optional<OpId> op;
  std::optional<std::int64_t> trust_change;  ///< row of trust_log
  std::int64_t quarantined = 0;              ///< row of quarantine, or 0
};

/// Looks for the trace on a new connection (which replaces the log's), still under the lock.
/// Returns without error when the transaction is there and safe on disk after all.
/// @errors as WriteTransaction::commit.
[[nodiscard]] Result<void> settle_failed_commit(OpenLog& log, const CommitTrace& trace, const Error& error,
                                                bool sync_failed);

/// After a failed fsync the kernel takes the lost pages of the -wal for written. Copied into the database they are
/// written anew, and no later op is built on them. Nothing to do when there is no doubt; else throws until it is done.
void leave_doubtful_wal(OpenLog& log);

}  // namespace musher
