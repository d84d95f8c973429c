#pragma once
// The small tables: heads, tips, marks, authors, trust_log, quarantine. Functions throw (sql.hpp).

#include <vector>

#include "oplog/op_log.hpp"
#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

[[nodiscard]] std::vector<Head> read_heads(sql::Connection& connection);
[[nodiscard]] std::vector<Tip> read_tips(sql::Connection& connection);
[[nodiscard]] std::vector<Tip> read_tips_of(sql::Connection& connection, const AuthorId& author);
[[nodiscard]] std::vector<Mark> read_marks(sql::Connection& connection);
[[nodiscard]] std::vector<AuthorRecord> read_authors(sql::Connection& connection);
[[nodiscard]] std::vector<TrustChange> read_trust_changes(sql::Connection& connection);
[[nodiscard]] std::vector<QuarantinedOp> read_quarantine(sql::Connection& connection);
void scan_quarantine_entries(sql::Connection& connection, const LogReader::QuarantineSink& sink);
[[nodiscard]] std::vector<QuarantineEntry> read_quarantine_entries_of(sql::Connection& connection, const OpId& id);
[[nodiscard]] std::optional<QuarantinedOp> read_quarantined(sql::Connection& connection, std::int64_t id);

[[nodiscard]] std::uint64_t count_quarantine(sql::Connection& connection);
[[nodiscard]] bool is_in_quarantine(sql::Connection& connection, const OpId& id);

/// How an author's trust is written.
[[nodiscard]] std::string_view to_string(Trust trust);

}  // namespace musher
