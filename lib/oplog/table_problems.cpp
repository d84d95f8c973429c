#include "oplog/table_problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "crypto/hashing.hpp"
#include "oplog/schema.hpp"

namespace musher {
namespace {

using Problem = SqliteOpLog::TableProblem;
using What = std::optional<std::string>;

constexpr std::int64_t kRowsAtOnce = 500;

/// The rows that musher writes, with the type of their values.
struct MetaRow {
  std::string_view key;
  std::string_view type;
};
constexpr std::array<MetaRow, 5> kMetaRows = {
    {{"created_by", "text"}, {"created_ms", "integer"}, {"document", "blob"}, {"format", "integer"}, {"log", "blob"}}};

What meta_problem(sql::Connection& connection) {
  std::size_t found = 0;
  sql::Query rows(connection, "SELECT key, typeof(value), value FROM meta ORDER BY key LIMIT 100");
  while (rows.step()) {
    const std::string key(rows.text(0));
    const auto expected = std::ranges::find(kMetaRows, key, &MetaRow::key);
    if (expected == kMetaRows.end()) return "it has a row that musher does not write";
    if (rows.text(1) != expected->type) return fmt::format("its {} is not of type {}", key, expected->type);
    if (key == "format" && rows.integer(2) != std::int64_t{kFormat})
      return fmt::format("it says format {}, and the header of the file says {}", rows.integer(2), kFormat);
    if (key == "created_ms" && rows.integer(2) < 0) return "its created_ms is before 1970";
    ++found;
  }
  if (found != kMetaRows.size()) return "one of its rows is gone";
  return std::nullopt;
}

/// The tables whose row numbers SQLite counts in sqlite_sequence.
constexpr std::array<std::string_view, 4> kNumberedTables = {"checkpoints", "crdt_ops", "quarantine", "trust_log"};

What sequence_problem(sql::Connection& connection) {
  std::string before;
  sql::Query rows(connection, "SELECT name, seq, typeof(seq) FROM sqlite_sequence ORDER BY name LIMIT 100");
  while (rows.step()) {
    const std::string name(rows.text(0));
    if (std::ranges::find(kNumberedTables, name) == kNumberedTables.end())
      return "it counts the rows of a table that is not numbered";
    if (name == before) return fmt::format("it has two numbers for {}", name);
    if (rows.text(2) != "integer" || rows.integer(1) < 0) return fmt::format("its number for {} is none", name);
    before = name;
  }
  return std::nullopt;
}

/// Append-only, so that no number is left out.
What trust_log_problem(sql::Connection& connection) {
  sql::Query query(connection,
                   "SELECT count(*), coalesce(min(id), 1), coalesce(max(id), 0), coalesce((SELECT max(seq) FROM "
                   "sqlite_sequence WHERE name = 'trust_log'), 0) FROM trust_log");
  if (!query.step()) return std::nullopt;
  const std::int64_t rows = query.integer(0), first = query.integer(1), last = query.integer(2);
  const std::int64_t given = query.integer(3);
  if (first != 1 || last != rows) return fmt::format("it has {} rows, numbered from {} to {}", rows, first, last);
  if (given == last) return std::nullopt;
  return fmt::format("it ends at row {}, and SQLite gave out {}{}", last, given,
                     given > last ? ": changes of trust were deleted" : "");
}

What quarantined_problem(const sql::Query& row) {
  const sql::Blob canonical = row.blob(2);
  OpId stored;
  Signature signature;
  Salt salt;
  if (!sql::read_bytes(row.blob(1), stored.hash) || stored != op_id(canonical))
    return "its op_id is not that of its op";
  if (!sql::read_bytes(row.blob(3), signature.bytes)) return "its signature has not 64 bytes";
  if (row.is_null(4) != row.is_null(5)) return "it has content without salt, or salt without content";
  if (!row.is_null(5) && !sql::read_bytes(row.blob(5), salt.bytes)) return "its salt has not 16 bytes";
  const auto bytes = static_cast<std::int64_t>(canonical.size() + row.text(4).size());
  if (row.integer(6) != bytes) return fmt::format("it counts as {} bytes, and has {}", row.integer(6), bytes);
  return std::nullopt;
}

/// What is in it was refused, and enters by the way of every op: it is only held against itself.
What quarantine_problem(sql::Connection& connection) {
  std::int64_t last = 0;
  for (bool more = true; more;) {
    more = false;
    sql::Query rows(
        connection,
        "SELECT id, op_id, canonical, signature, content, salt, bytes FROM quarantine WHERE id > ? ORDER BY "
        "id LIMIT ?",
        last, kRowsAtOnce);
    while (rows.step()) {
      if (rows.integer(0) <= last) return "its rows are out of order";  // pages that point to one another
      last = rows.integer(0);
      if (const auto what = quarantined_problem(rows)) return fmt::format("row {}: {}", last, *what);
      more = true;
    }
  }
  // After the rows, which others may add to meanwhile.
  sql::Query given(connection, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'quarantine'");
  if (given.step() && given.integer(0) < last)
    return fmt::format("it has a row {}, and SQLite gave out no more than {}", last, given.integer(0));
  return std::nullopt;
}

What checkpoints_problem(sql::Connection& connection) {
  sql::Query rows(
      connection,
      "SELECT 1 FROM checkpoints UNION ALL SELECT 1 FROM sqlite_sequence WHERE name = 'checkpoints' LIMIT 1");
  if (rows.step()) return "it has or had rows, and this version of musher writes and reads none";
  return std::nullopt;
}

}  // namespace

std::vector<Problem> find_table_problems(sql::Connection& connection) {
  std::vector<Problem> problems;
  const auto note = [&](const char* table, What what) {
    if (what) problems.push_back({table, *std::move(what)});
  };
  note("meta", meta_problem(connection));
  const What sequence = sequence_problem(connection);
  note("sqlite_sequence", sequence);
  if (!sequence) note("trust_log", trust_log_problem(connection));
  note("quarantine", quarantine_problem(connection));
  note("checkpoints", checkpoints_problem(connection));
  return problems;
}

}  // namespace musher
