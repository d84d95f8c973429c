#pragma once
// What SqliteOpLog and its write transaction share: one open file with its connection and lock.

#include <memory>
#include <optional>
#include <utility>

#include "oplog/companions.hpp"
#include "oplog/lock_file.hpp"
#include "oplog/open_checks.hpp"
#include "oplog/private_copy.hpp"
#include "oplog/quarantine.hpp"
#include "oplog/sql.hpp"

namespace musher {

struct OpenLog {
  // fixed after opening
  LogInfo info;
  LogFile file;
  OpenMode mode = OpenMode::read;
  std::optional<PrivateCopy> copy;
  QuarantineLimits quarantine_limits;
  // changes with each write
  std::unique_ptr<sql::Connection> connection;
  std::optional<LockFile> lock;  ///< of a log opened for writing
  Companions companions;
  std::optional<KeptHoldings> quarantine_holdings;  ///< of this connection's last transaction
  std::optional<std::int64_t> unaltered_at;         ///< data_version at which this connection saw its schema right
  bool writing = false;                             ///< a write transaction is alive
  bool wal_in_doubt = false;  ///< an fsync of the -wal failed: no op may be built on it before it was emptied

  /// The connection; after one was lost to an I/O error, a new one. Throws.
  [[nodiscard]] sql::Connection& database();
};

/// Runs work with the path of this log in what goes wrong.
template <class Work>
[[nodiscard]] auto reading(const OpenLog& log, Work&& work) {
  return sql::guarded("read", log.info.path, std::forward<Work>(work));
}

/// Connects to the file (or its private copy) and checks that its meta rows are those of an op log. Throws; fills info.
/// Waits up to a second for -wal and -shm that another user is just making.
void connect(OpenLog& log);

/// Begins SQLite's write transaction; the lock is held. Throws. On a new connection when the one there is met -wal or
/// -shm before they had the log's mode. No statement of the old one may be kept.
void begin_immediate(OpenLog& log, std::chrono::milliseconds busy_timeout);

/// Closes a writer's connection under the lock, so that its closing WAL checkpoint races nobody; without that
/// checkpoint when others keep the lock.
void close_writer(OpenLog& log) noexcept;

}  // namespace musher
