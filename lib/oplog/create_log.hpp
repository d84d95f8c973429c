#pragma once
// Making the file of a new log.

#include <filesystem>
#include <string>

#include "oplog/sqlite_op_log.hpp"

namespace musher {

/// Whether create_log_file() would find its place fit for a log; makes nothing. Returns the file's absolute path.
/// @errors as SqliteOpLog::create.
[[nodiscard]] Result<std::string> check_new_log(const std::filesystem::path& path, const CreateOptions& options);

/// Makes the file and its lock file, synced; returns the file's absolute path.
/// @errors as SqliteOpLog::create.
[[nodiscard]] Result<std::string> create_log_file(const std::filesystem::path& path, const CreateOptions& options);

/// Whether a log that is there already belongs to this group.
/// @errors usage: there is no such group.  refused: it belongs to another.
[[nodiscard]] Result<void> check_belongs_to(const std::string& path, const std::string& group);

}  // namespace musher
