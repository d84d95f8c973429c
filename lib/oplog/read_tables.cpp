#include "oplog/read_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oplog/derived.hpp"

namespace musher {
namespace {

[[noreturn]] void raise_damaged(const char* table, const char* column) {
  sql::raise(Errc::damaged, fmt::format("the table {} has a malformed {}", table, column));
}

/// A table's keys come in order, each once. Pages that point to one another could give the same ones for ever.
template <class Key>
class Ascending {
 public:
  explicit Ascending(const char* table) : table_(table) {}
  void next(const Key& key) {
    if (last_ && !(*last_ < key)) {
      sql::raise(Errc::damaged, fmt::format("the table {} has keys that are out of order", table_));
    }
    last_ = key;
  }

 private:
  const char* table_;
  std::optional<Key> last_;
};

template <std::size_t N>
void fill(const sql::Query& row, int column, std::array<std::uint8_t, N>& out, const char* table, const char* name) {
  if (!sql::read_bytes(row.blob(column), out)) raise_damaged(table, name);
}

std::uint64_t counter(const sql::Query& row, int column, const char* table, const char* name) {
  if (row.integer(column) < 0) raise_damaged(table, name);
  return static_cast<std::uint64_t>(row.integer(column));
}

std::vector<Tip> read_tips(sql::Query& query) {
  std::vector<Tip> tips;
  Ascending<std::pair<AuthorId, OpId>> order("tips");
  while (query.step()) {
    Tip& tip = tips.emplace_back();
    fill(query, 0, tip.author.key, "tips", "author");
    tip.index = OpIndex{counter(query, 1, "tips", "idx")};
    fill(query, 2, tip.id.hash, "tips", "op_id");
    order.next({tip.author, tip.id});
  }
  std::ranges::sort(tips);
  return tips;
}

/// Columns author, name, trust, eraser, revoked_from from `first` on.
AuthorRecord decode_author(const sql::Query& row, int first, const char* table) {
  AuthorRecord record;
  fill(row, first, record.author.key, table, "author");
  record.name = row.text(first + 1);
  const std::string_view trust = row.text(first + 2);
  if (trust != to_string(Trust::allowed) && trust != to_string(Trust::revoked)) raise_damaged(table, "trust");
  record.trust = trust == to_string(Trust::allowed) ? Trust::allowed : Trust::revoked;
  record.eraser = row.integer(first + 3) != 0;
  if (!row.is_null(first + 4)) fill(row, first + 4, record.revoked_from.emplace().hash, table, "revoked_from");
  return record;
}

#define MUSHER_QUARANTINE_COLUMNS "id, reason, source, received_ms, canonical, signature, content, salt"

QuarantinedOp decode_quarantined(const sql::Query& row) {
  QuarantinedOp op;
  op.id = row.integer(0);
  op.reason = row.text(1);
  op.source = row.text(2);
  op.received_ms = row.integer(3);
  const sql::Blob canonical = row.blob(4);
  op.canonical.assign(canonical.begin(), canonical.end());
  fill(row, 5, op.signature.bytes, "quarantine", "signature");
  if (!row.is_null(6)) op.content = row.text(6);
  if (!row.is_null(7)) fill(row, 7, op.salt.bytes, "quarantine", "salt");
  return op;
}

#define MUSHER_QUARANTINE_ENTRY_COLUMNS "id, reason, canonical, content IS NOT NULL"

void scan_entries(sql::Query& query, const LogReader::QuarantineSink& sink) {
  Ascending<std::int64_t> order("quarantine");
  while (query.step()) {
    order.next(query.integer(0));
    const sql::Blob canonical = query.blob(2);
    const QuarantineEntry entry{
        query.integer(0), std::string(query.text(1)), {canonical.begin(), canonical.end()}, query.integer(3) != 0};
    if (!sink(entry)) return;
  }
}

}  // namespace

std::string_view to_string(Trust trust) { return trust == Trust::allowed ? "allowed" : "revoked"; }

std::vector<Head> read_heads(sql::Connection& connection) {
  sql::Query query(connection, "SELECT op_id, depth FROM heads ORDER BY op_id");
  std::vector<Head> heads;
  Ascending<OpId> order("heads");
  while (query.step()) {
    Head& head = heads.emplace_back();
    fill(query, 0, head.id.hash, "heads", "op_id");
    order.next(head.id);
    head.depth = Depth{counter(query, 1, "heads", "depth")};
  }
  return heads;
}

std::vector<Tip> read_tips(sql::Connection& connection) {
  sql::Query query(connection, "SELECT author, idx, op_id FROM tips ORDER BY author, op_id");
  return read_tips(query);
}

std::vector<Tip> read_tips_of(sql::Connection& connection, const AuthorId& author) {
  sql::Query query(connection, "SELECT author, idx, op_id FROM tips WHERE author = ? ORDER BY op_id",
                   sql::Blob(author.key));
  return read_tips(query);
}

std::vector<Mark> read_marks(sql::Connection& connection) {
  sql::Query query(connection, "SELECT row, chain, list_seq, ops FROM marks ORDER BY row");
  std::vector<Mark> marks;
  Ascending<RowId> order("marks");
  while (query.step()) {
    order.next(RowId{query.integer(0)});
    marks.push_back(decode_mark(query));
  }
  return marks;
}

std::vector<AuthorRecord> read_authors(sql::Connection& connection) {
  sql::Query query(connection, "SELECT author, name, trust, eraser, revoked_from FROM authors ORDER BY author");
  std::vector<AuthorRecord> records;
  Ascending<AuthorId> order("authors");
  while (query.step()) {
    records.push_back(decode_author(query, 0, "authors"));
    order.next(records.back().author);
  }
  return records;
}

std::vector<TrustChange> read_trust_changes(sql::Connection& connection) {
  sql::Query query(
      connection,
      "SELECT at_ms, who, action, author, name, trust, eraser, revoked_from, id FROM trust_log ORDER BY id");
  std::vector<TrustChange> changes;
  Ascending<std::int64_t> order("trust_log");
  while (query.step()) {
    order.next(query.integer(8));
    TrustChange& change = changes.emplace_back();
    change.at_ms = query.integer(0);
    change.who = query.text(1);
    change.action = query.text(2);
    change.after = decode_author(query, 3, "trust_log");
  }
  return changes;
}

std::vector<QuarantinedOp> read_quarantine(sql::Connection& connection) {
  sql::Query query(connection, "SELECT " MUSHER_QUARANTINE_COLUMNS " FROM quarantine ORDER BY id");
  std::vector<QuarantinedOp> ops;
  Ascending<std::int64_t> order("quarantine");
  while (query.step()) {
    order.next(query.integer(0));
    ops.push_back(decode_quarantined(query));
  }
  return ops;
}

void scan_quarantine_entries(sql::Connection& connection, const LogReader::QuarantineSink& sink) {
  sql::Query query(connection, "SELECT " MUSHER_QUARANTINE_ENTRY_COLUMNS " FROM quarantine ORDER BY id");
  scan_entries(query, sink);
}

std::vector<QuarantineEntry> read_quarantine_entries_of(sql::Connection& connection, const OpId& id) {
  sql::Query query(connection, "SELECT " MUSHER_QUARANTINE_ENTRY_COLUMNS " FROM quarantine WHERE op_id = ? ORDER BY id",
                   sql::Blob(id.hash));
  std::vector<QuarantineEntry> entries;
  scan_entries(query, [&](const QuarantineEntry& entry) {
    entries.push_back(entry);
    return true;
  });
  return entries;
}

std::optional<QuarantinedOp> read_quarantined(sql::Connection& connection, std::int64_t id) {
  sql::Query query(connection, "SELECT " MUSHER_QUARANTINE_COLUMNS " FROM quarantine WHERE id = ?", id);
  return query.step() ? std::optional(decode_quarantined(query)) : std::nullopt;
}

std::uint64_t count_quarantine(sql::Connection& connection) {
  // As count_rows: damaged pages may never end. Its limits keep a sound one far below.
  constexpr std::int64_t kMost = 10'000'000;
  sql::Query query(connection, "SELECT count(*) FROM (SELECT 1 FROM quarantine WHERE op_id >= x'' LIMIT ?)", kMost);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

bool is_in_quarantine(sql::Connection& connection, const OpId& id) {
  sql::Query query(connection, "SELECT 1 FROM quarantine WHERE op_id = ?", sql::Blob(id.hash));
  return query.step();
}

}  // namespace musher
