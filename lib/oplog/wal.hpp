#pragma once
// SQLite's write-ahead log, kept short. "WAL checkpoint" is SQLite's word: it copies the -wal into the database. Every
// one is made by a holder of the write lock (decision 0002).

#include <chrono>
#include <string>

#include "oplog/sql.hpp"

namespace musher {

/// After a commit: over 1,000 frames are copied back, and the -wal is emptied unless a reader is in it. Never waits and
/// never fails: what it could not do, the next commit does.
void shorten_wal(sql::Connection& connection) noexcept;

/// Copies everything back and empties the -wal, waiting for readers to move on. False when one held it past the
/// timeout.
[[nodiscard]] bool empty_wal(sql::Connection& connection, std::chrono::milliseconds timeout);

/// fsync of the -wal by path, which nobody locks. False when that failed.
[[nodiscard]] bool sync_wal(const std::string& log);

}  // namespace musher
