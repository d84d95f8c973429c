#pragma once
// A row of crdt_ops to and from its columns.

#include "crypto/verify.hpp"
#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

// The columns in the order that decode_row reads and insert_row writes.
#define MUSHER_OP_COLUMNS_WITH(content)                                                        \
  "rowid, op_id, author, idx, prev, kind, seq, target, parents, name, actor, digest, " content \
  ", time_ms, "                                                                                \
  "signature, depth, source, received_ms"
#define MUSHER_OP_COLUMNS MUSHER_OP_COLUMNS_WITH("content, salt")
#define MUSHER_OP_COLUMNS_WITHOUT_CONTENT MUSHER_OP_COLUMNS_WITH("NULL, NULL")

namespace musher {

/// The current row of a statement that selects these columns. `document` is the log's: rows do not repeat it.
[[nodiscard]] ScannedRow decode_row(sqlite3_stmt* statement, const DocumentId& document);

/// Inserts one op, and returns its rowid: one above the highest ever given out. What SQLite stored is for the caller to
/// compare with that.
struct InsertedRow {
  RowId row{};
  int rows = 0;  ///< how many were inserted: a trigger can swallow one
};
[[nodiscard]] InsertedRow insert_row(sql::Connection& connection, const VerifiedOp& op, Depth depth,
                                     std::string_view source, std::int64_t received_ms);

}  // namespace musher
