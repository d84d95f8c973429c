#pragma once
// The tables, indexes, triggers and the view of format 1. For people: man musher-oplog(5).

#include <cstdint>
#include <string>
#include <vector>

#include "oplog/sql.hpp"
#include "oplog/sqlite_op_log.hpp"

namespace musher {

inline constexpr std::uint32_t kApplicationId = 0x6d757368;  ///< "mush"
inline constexpr std::uint32_t kFormat = 1;                  ///< user_version; a log's meta `format` says the same

/// Everything CREATE ... of an empty log, without its meta rows.
extern const char* const kSchemaSql;

/// A new log as the bytes of a database file in WAL mode: nothing to sync, rename or clean up before they are written.
[[nodiscard]] std::vector<std::uint8_t> new_log_image(const LogInfo& info, std::string_view created_by);

/// The stored schema against the one this version makes.
[[nodiscard]] std::vector<SqliteOpLog::SchemaDifference> compare_schema(sql::Connection& connection);
/// For a writer: a trigger or an index that is not ours decides what is stored and what is found. Throws damaged.
void check_schema_unaltered(sql::Connection& connection, const std::string& path);

}  // namespace musher
