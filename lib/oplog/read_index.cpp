#include "oplog/read_index.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "oplog/read_rows.hpp"

namespace musher {
namespace {

constexpr int kRowsPerTransaction = 10'000;

[[noreturn]] void raise_damaged(const OpId& id, const char* column) {
  sql::raise(Errc::damaged, fmt::format("op {} has a malformed {}", to_hex(id.hash), column));
}

std::uint64_t counter(const sql::Query& row, int column, const OpId& id, const char* name) {
  if (row.integer(column) < 0) raise_damaged(id, name);
  return static_cast<std::uint64_t>(row.integer(column));
}

std::vector<OpId> read_ids(sql::Connection& connection, sql::Query& query) {
  std::vector<OpId> ids;
  RowBound bound(connection);
  while (query.step()) {
    bound.count_one();
    if (!sql::read_bytes(query.blob(0), ids.emplace_back().hash)) {
      sql::raise(Errc::damaged, "an op id in the log is malformed");
    }
  }
  return ids;
}

}  // namespace

RowId read_last_row(sql::Connection& connection) {
  sql::Query query(connection, "SELECT rowid FROM crdt_ops ORDER BY rowid DESC LIMIT 1");
  return query.step() ? RowId{query.integer(0)} : RowId{0};
}

std::optional<RowId> read_highest_row_ever(sql::Connection& connection) {
  sql::Query sequence(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'crdt_ops'");
  if (!sequence.step()) return std::nullopt;
  return RowId{sequence.integer(0)};
}

/// Not a bare count(*): that one runs over the index without ever looking up, and damaged pages may never end.
std::uint64_t count_rows(sql::Connection& connection) {
  const std::int64_t most = most_rows(connection);
  sql::Query query(connection, "SELECT count(*) FROM (SELECT 1 FROM crdt_ops WHERE op_id >= x'' LIMIT ?)", most + 1);
  const std::int64_t rows = query.step() ? query.integer(0) : 0;
  if (rows > most) raise_endless();
  return static_cast<std::uint64_t>(rows);
}

bool is_known(sql::Connection& connection, const OpId& id) {
  return sql::Query(connection, "SELECT 1 FROM crdt_ops WHERE op_id = ?", sql::Blob(id.hash)).step();
}

std::vector<OpId> ids_with_prefix(sql::Connection& connection, std::string_view hex, std::size_t limit) {
  if (hex.size() > 2 * sizeof(OpId)) return {};
  std::string first(hex), last(hex);
  first.resize(2 * sizeof(OpId), '0');
  last.resize(2 * sizeof(OpId), 'f');
  OpId low, high;
  if (!from_hex(first, low.hash) || !from_hex(last, high.hash)) return {};
  sql::Query query(connection, "SELECT op_id FROM crdt_ops WHERE op_id >= ? AND op_id <= ? ORDER BY op_id LIMIT ?",
                   sql::Blob(low.hash), sql::Blob(high.hash), sql::to_column(limit));
  return read_ids(connection, query);
}

std::vector<std::string> read_story_ids(sql::Connection& connection) {
  sql::Query query(connection,
                   "SELECT name FROM crdt_ops WHERE kind IN (1, 3) AND name <> '' AND kind = 1 ORDER BY name");
  std::vector<std::string> names;
  RowBound bound(connection);
  while (query.step()) {
    bound.count_one();
    if (names.empty() || names.back() != query.text(0)) names.emplace_back(query.text(0));
  }
  return names;
}

std::optional<DependencyFacts> facts_of_op(sql::Connection& connection, const OpId& id) {
  sql::Query query(connection, "SELECT kind, author, idx, depth, name FROM crdt_ops WHERE op_id = ?",
                   sql::Blob(id.hash));
  if (!query.step()) return std::nullopt;
  DependencyFacts facts;
  facts.id = id;
  if (query.integer(0) < 1 || query.integer(0) > 4) raise_damaged(id, "kind");
  facts.kind = static_cast<OpKind>(query.integer(0));
  if (!sql::read_bytes(query.blob(1), facts.author.key)) raise_damaged(id, "author");
  facts.index = OpIndex{counter(query, 2, id, "idx")};
  facts.depth = Depth{counter(query, 3, id, "depth")};
  facts.name = query.text(4);
  return facts;
}

std::optional<OpLinks> links_of(sql::Connection& connection, const OpId& id) {
  sql::Query query(connection, "SELECT rowid, author, idx, depth, prev, target, parents FROM crdt_ops WHERE op_id = ?",
                   sql::Blob(id.hash));
  if (!query.step()) return std::nullopt;
  OpLinks links;
  links.row = RowId{query.integer(0)};
  if (!sql::read_bytes(query.blob(1), links.author.key)) raise_damaged(id, "author");
  links.index = OpIndex{counter(query, 2, id, "idx")};
  links.depth = Depth{counter(query, 3, id, "depth")};
  for (const int column : {4, 5}) {
    if (query.is_null(column)) continue;
    if (!sql::read_bytes(query.blob(column), links.dependencies.emplace_back().hash)) {
      raise_damaged(id, column == 4 ? "prev" : "target");
    }
  }
  const sql::Blob parents = query.blob(6);
  if (parents.size() % sizeof(OpId) != 0) raise_damaged(id, "parents");
  for (std::size_t at = 0; at < parents.size(); at += sizeof(OpId)) {
    std::ranges::copy(parents.subspan(at, sizeof(OpId)), links.dependencies.emplace_back().hash.begin());
  }
  return links;
}

Seq highest_seq(sql::Connection& connection, const OpId& item, std::string_view field) {
  sql::Query query(connection, "SELECT max(seq) FROM crdt_ops WHERE target = ? AND kind = 2 AND name = ?",
                   sql::Blob(item.hash), field);
  return query.step() ? Seq{counter(query, 0, item, "seq")} : Seq{0};
}

/// By rows and not by row numbers: one row may have been moved to a number far away.
RowId last_row_at(sql::Connection& connection, std::int64_t at_ms) {
  std::int64_t last = 0;
  for (int read = kRowsPerTransaction; read == kRowsPerTransaction;) {
    read = 0;
    sql::Query next(connection, "SELECT rowid, received_ms FROM crdt_ops WHERE rowid > ? ORDER BY rowid LIMIT ?", last,
                    std::int64_t{kRowsPerTransaction});
    for (; next.step(); ++read) {
      if (next.integer(0) <= last) sql::raise(Errc::damaged, "the rows of crdt_ops are out of order");
      if (next.integer(1) > at_ms) return RowId{last};
      last = next.integer(0);
    }
  }
  return RowId{last};
}

std::vector<OpId> ids_at(sql::Connection& connection, const AuthorId& author, OpIndex index) {
  sql::Query query(connection, "SELECT op_id FROM crdt_ops WHERE author = ? AND idx = ?", sql::Blob(author.key),
                   sql::to_column(raw(index)));
  auto ids = read_ids(connection, query);
  std::ranges::sort(ids);
  return ids;
}

bool has_second_at(sql::Connection& connection, const AuthorId& author, OpIndex index) {
  sql::Query query(connection, "SELECT 1 FROM crdt_ops WHERE author = ? AND idx = ? LIMIT 2", sql::Blob(author.key),
                   sql::to_column(raw(index)));
  return query.step() && query.step();
}

OpIndex highest_index(sql::Connection& connection, const AuthorId& author) {
  sql::Query query(connection, "SELECT max(idx) FROM crdt_ops WHERE author = ?", sql::Blob(author.key));
  return OpIndex{query.step() ? static_cast<std::uint64_t>(std::max<std::int64_t>(query.integer(0), 0)) : 0};
}

std::optional<OpIndex> lowest_index_behind(sql::Connection& connection, const AuthorId& author, RowId row) {
  sql::Query query(connection, "SELECT author, idx FROM crdt_ops NOT INDEXED WHERE rowid > ?", raw(row));
  RowBound bound(connection);
  std::optional<OpIndex> lowest;
  while (query.step()) {
    bound.count_one();
    AuthorId of_row;
    if (!sql::read_bytes(query.blob(0), of_row.key) || of_row != author) continue;
    const OpIndex index{static_cast<std::uint64_t>(std::max<std::int64_t>(query.integer(1), 0))};
    lowest = std::min(lowest.value_or(index), index);
  }
  return lowest;
}

std::optional<OpIndex> first_shared_index(sql::Connection& connection, const AuthorId& author, OpIndex below) {
  sql::Query query(connection, "SELECT idx FROM crdt_ops WHERE author = ? AND idx < ? ORDER BY idx",
                   sql::Blob(author.key), sql::to_column(raw(below)));
  RowBound bound(connection);
  std::optional<std::int64_t> last;
  while (query.step()) {
    bound.count_one();
    if (last == query.integer(0)) return OpIndex{static_cast<std::uint64_t>(std::max<std::int64_t>(*last, 0))};
    last = query.integer(0);
  }
  return std::nullopt;
}

std::vector<OpId> ancestors_by_prev(sql::Connection& connection, const OpId& op, OpIndex lowest) {
  const Snapshot snapshot(connection);
  std::vector<OpId> ids;
  OpId at = op;
  while (true) {
    sql::Query query(connection, "SELECT prev, idx FROM crdt_ops WHERE op_id = ?", sql::Blob(at.hash));
    if (!query.step()) return ids;  // a lost row: what came before cannot be shown to
    if (at != op) ids.push_back(at);
    if (query.is_null(0) || counter(query, 1, at, "idx") <= raw(lowest)) return ids;
    OpId prev;
    if (!sql::read_bytes(query.blob(0), prev.hash)) raise_damaged(at, "prev");
    at = prev;
  }
}

std::vector<RowId> rows_of_author(sql::Connection& connection, const AuthorId& author, OpIndex after, OpIndex upto) {
  sql::Query query(connection, "SELECT rowid FROM crdt_ops WHERE author = ? AND idx > ? AND idx <= ? ORDER BY idx",
                   sql::Blob(author.key), sql::to_column(raw(after)), sql::to_column(raw(upto)));
  RowBound bound(connection);
  std::vector<RowId> rows;
  while (query.step()) {
    bound.count_one();
    rows.push_back(RowId{query.integer(0)});
  }
  return rows;
}

}  // namespace musher
