#pragma once
// For the audit: the tables that no op is in.

#include <vector>

#include "oplog/sql.hpp"
#include "oplog/sqlite_op_log.hpp"

namespace musher {

/// What meta, quarantine, checkpoints, trust_log and sqlite_sequence hold that no musher wrote: of each table the
/// first. Short reads, of at most 500 rows each.
[[nodiscard]] std::vector<SqliteOpLog::TableProblem> find_table_problems(sql::Connection& connection);

}  // namespace musher
