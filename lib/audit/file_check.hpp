#pragma once
// SQLite's own structures: schema, triggers, pages and indexes.

#include <functional>

#include "audit/finding_list.hpp"
#include "oplog/sqlite_op_log.hpp"

namespace musher {

using SchemaDifferences = std::vector<SqliteOpLog::SchemaDifference>;

/// @errors busy, io.
[[nodiscard]] Result<SchemaDifferences> check_schema(SqliteOpLog& log, FindingList& findings);
/// The tables that hold no ops, as far as they can be read.
[[nodiscard]] Result<void> check_tables(SqliteOpLog& log, FindingList& findings);
/// Reads every page: about as long as the file takes to read.
/// @errors busy, io.
Result<void> check_integrity(SqliteOpLog& log, std::function<bool()> stop, FindingList& findings);

}  // namespace musher
