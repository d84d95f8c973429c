#include "oplog/read_rows.hpp"

#include <algorithm>
#include <exception>

#include "oplog/row_codec.hpp"

namespace musher {
namespace {

// One read transaction each: short, and a batch that stays in the processor's cache.
constexpr std::int64_t kBatchRows = 256;
constexpr std::size_t kBatchBytes = 4 * 1024 * 1024;

// Op id, author and signature.
constexpr std::int64_t kLeastRowBytes = 32 + 32 + 64;

std::size_t content_bytes(const ScannedRow& row) {
  const auto* op = std::get_if<OpRow>(&row);
  return op != nullptr && op->op.content ? op->op.content->size() : 0;
}

RowId row_id(const ScannedRow& row) {
  return std::visit([](const auto& either) { return either.row; }, row);
}

/// Appends the next batch; false when there may be no more.
bool read_batch(sql::Connection& connection, const DocumentId& document, RowId after, RowId upto,
                std::vector<ScannedRow>& batch) {
  sql::Query query(connection,
                   "SELECT " MUSHER_OP_COLUMNS " FROM crdt_ops WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?",
                   raw(after), raw(upto), kBatchRows);
  std::size_t bytes = 0;
  while (bytes < kBatchBytes) {
    if (!query.step()) return static_cast<std::int64_t>(batch.size()) == kBatchRows;
    batch.push_back(decode_row(query.statement(), document));
    bytes += content_bytes(batch.back());
  }
  return true;
}

void take_rows(sql::Query& query, RowBound& bound, std::vector<RowId>& rows) {
  while (query.step()) {
    bound.count_one();
    rows.push_back(RowId{query.integer(0)});
  }
}

std::optional<ScannedRow> read_row(sql::Connection& connection, const DocumentId& document, RowId row,
                                   RowContents contents) {
  sql::Query query(connection,
                   contents == RowContents::read ? "SELECT " MUSHER_OP_COLUMNS " FROM crdt_ops WHERE rowid = ?"
                                                 : "SELECT " MUSHER_OP_COLUMNS_WITHOUT_CONTENT
                                                   " FROM crdt_ops WHERE rowid = ?",
                   raw(row));
  if (!query.step()) return std::nullopt;
  return decode_row(query.statement(), document);
}

/// The same of rows that are named: takes those that it looked at from the front of `wanted`.
void read_batch(sql::Connection& connection, const DocumentId& document, std::span<const RowId>& wanted,
                RowContents contents, std::vector<ScannedRow>& batch) {
  const Snapshot snapshot(connection);
  std::size_t bytes = 0;
  for (std::int64_t looked_at = 0; !wanted.empty() && looked_at < kBatchRows && bytes < kBatchBytes; ++looked_at) {
    if (auto read = read_row(connection, document, wanted.front(), contents)) {
      bytes += content_bytes(*read);
      batch.push_back(*std::move(read));
    }
    wanted = wanted.subspan(1);
  }
}

}  // namespace

Snapshot::Snapshot(sql::Connection& connection) : connection_(connection.in_transaction() ? nullptr : &connection) {
  if (connection_ != nullptr) sql::Query(connection, "BEGIN").run();
}

Snapshot::~Snapshot() {
  if (connection_ == nullptr) return;
  try {
    sql::Query(*connection_, "COMMIT").run();
  } catch (...) {  // the transaction only read
  }
}

std::int64_t most_rows(sql::Connection& connection) {
  sql::Query pages(connection, "PRAGMA page_count");
  sql::Query bytes(connection, "PRAGMA page_size");
  if (!pages.step() || !bytes.step()) return 0;
  return pages.integer(0) * bytes.integer(0) / kLeastRowBytes;
}

void raise_endless() { sql::raise(Errc::damaged, "an index of crdt_ops gives more rows than the file can hold"); }

void scan_rows(sql::Connection& connection, const DocumentId& document, RowId after, RowId upto,
               const LogReader::Sink& sink) {
  std::vector<ScannedRow> batch;
  batch.reserve(kBatchRows);
  for (bool more = true; more;) {
    batch.clear();
    std::exception_ptr failure;  // a damaged page does not take the rows before it along
    try {
      more = read_batch(connection, document, after, upto, batch);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!batch.empty()) after = row_id(batch.back());
    for (ScannedRow& row : batch) {
      if (!sink(std::move(row))) return;
    }
    if (failure) std::rethrow_exception(failure);
  }
}

void scan_these(sql::Connection& connection, const DocumentId& document, std::span<const RowId> wanted,
                RowContents contents, const LogReader::Sink& sink) {
  std::vector<ScannedRow> batch;
  while (!wanted.empty()) {
    batch.clear();
    read_batch(connection, document, wanted, contents, batch);
    for (ScannedRow& row : batch) {
      if (!sink(std::move(row))) return;
    }
  }
}

std::vector<ScannedRow> read_rows(sql::Connection& connection, const DocumentId& document,
                                  std::span<const RowId> wanted) {
  std::vector<ScannedRow> found;
  found.reserve(wanted.size());
  scan_these(connection, document, wanted, RowContents::read, [&](ScannedRow&& row) {
    found.push_back(std::move(row));
    return true;
  });
  return found;
}

std::optional<ScannedRow> find_row(sql::Connection& connection, const DocumentId& document, const OpId& id) {
  sql::Query query(connection, "SELECT " MUSHER_OP_COLUMNS " FROM crdt_ops WHERE op_id = ?", sql::Blob(id.hash));
  if (!query.step()) return std::nullopt;
  return decode_row(query.statement(), document);
}

std::vector<RowId> story_row_ids(sql::Connection& connection, std::string_view story, RowId upto, StoryPart part) {
  std::vector<RowId> found;
  std::vector<std::vector<std::uint8_t>> named;  // op ids as stored: nobody promises that they are 32 bytes
  const Snapshot snapshot(connection);
  RowBound bound(connection), targeting_bound(connection), erasing_bound(connection);
  {
    sql::Query query(connection,
                     "SELECT rowid, op_id, kind FROM crdt_ops WHERE kind IN (1, 3) AND name <> '' AND name = ?", story);
    while (query.step()) {
      bound.count_one();
      found.push_back(RowId{query.integer(0)});
      const sql::Blob id = query.blob(1);
      named.emplace_back(id.begin(), id.end());
    }
  }
  for (const auto& id : named) {  // inserts, and purges whose own target is another item
    sql::Query targeting(connection,
                         part == StoryPart::presence
                             ? "SELECT rowid FROM crdt_ops WHERE target = ? AND kind = 3"
                             : "SELECT rowid FROM crdt_ops WHERE target = ? AND kind IN (2, 3, 4)",
                         sql::Blob(id));
    take_rows(targeting, targeting_bound, found);
    if (part == StoryPart::presence) continue;
    sql::Query erasing(connection,
                       "SELECT e.rowid FROM crdt_ops AS o CROSS JOIN crdt_ops AS e WHERE o.target = ? AND "
                       "o.kind IN (2, 3) AND e.target = o.op_id AND e.kind = 4",
                       sql::Blob(id));
    take_rows(erasing, erasing_bound, found);
  }
  std::erase_if(found, [&](RowId row) { return row > upto; });
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace musher
