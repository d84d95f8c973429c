#pragma once
// Is this file an op log? Asked before SQLite looks at it, since SQLite would call an empty file an empty database and
// replay a stray journal into anything.

#include <string>

#include "model/result.hpp"
#include "oplog/file_facts.hpp"
#include "oplog/sqlite_op_log.hpp"

namespace musher {

struct LogFile {
  std::string path;  ///< absolute, symbolic links resolved: companion files are named after it
  FileFacts facts;
  bool wal = true;  ///< false: in rollback-journal mode, as VACUUM INTO leaves a copy
};

/// Checks path, kind of file, permissions, header and length. Reads through SQLite's own file layer, which knows the
/// locks of this process (a plain close() of a database file would drop them).
/// @errors as SqliteOpLog::open.
[[nodiscard]] Result<LogFile> check_log_file(const std::filesystem::path& path, OpenMode mode);

/// The log's file is still what its path names, and has one name.
/// @errors refused.
[[nodiscard]] Result<void> check_still_there(const LogFile& file);

}  // namespace musher
