#include "oplog/row_codec.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace musher {
namespace {

enum Column : int {
  kRowId,
  kOpId,
  kAuthor,
  kIndex,
  kPrev,
  kKind,
  kSeq,
  kTarget,
  kParents,
  kName,
  kActor,
  kDigest,
  kContent,
  kSalt,
  kTime,
  kSignature,
  kDepth,
  kSource,
  kReceived
};

constexpr const char* kColumnNames[] = {"rowid",   "op_id",     "author", "idx",    "prev",       "kind",    "seq",
                                        "target",  "parents",   "name",   "actor",  "digest",     "content", "salt",
                                        "time_ms", "signature", "depth",  "source", "received_ms"};

const char* type_name(int type) {
  switch (type) {
    case SQLITE_INTEGER: return "an integer";
    case SQLITE_FLOAT: return "a real number";
    case SQLITE_TEXT: return "text";
    case SQLITE_BLOB: return "a blob";
    default: return "NULL";
  }
}

/// Reads columns one by one and remembers the first that has not the shape it must have. Through sqlite3_value, which
/// is safe without mutexes (sql::Connection has none) and saves half the calls.
class Columns {
 public:
  explicit Columns(sqlite3_stmt* statement) : statement_(statement) {}

  std::int64_t number(Column column) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    return has_type(column, value, SQLITE_INTEGER) ? sqlite3_value_int64(value) : 0;
  }

  std::uint64_t counter(Column column) {
    const std::int64_t value = number(column);
    if (value < 0) blame(column, fmt::format("{} is negative", value));
    return static_cast<std::uint64_t>(value);
  }

  template <std::size_t N>
  void bytes(Column column, std::array<std::uint8_t, N>& out) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    if (has_type(column, value, SQLITE_BLOB)) copy_bytes(column, value, out);
  }

  /// NULL is zeros, and zeros are NULL: an op has one way to be stored.
  template <std::size_t N>
  void bytes_or_null(Column column, std::array<std::uint8_t, N>& out) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    if (sqlite3_value_type(value) == SQLITE_NULL || !has_type(column, value, SQLITE_BLOB)) return;
    copy_bytes(column, value, out);
    if (out == std::array<std::uint8_t, N>{}) blame(column, "zeros, which are stored as NULL");
  }

  void text(Column column, std::string& out) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    if (has_type(column, value, SQLITE_TEXT)) out.assign(characters(value));
  }

  void text_or_null(Column column, std::optional<std::string>& out) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    if (sqlite3_value_type(value) == SQLITE_NULL || !has_type(column, value, SQLITE_TEXT)) return;
    out.emplace(characters(value));
  }

  void ids(Column column, std::vector<OpId>& out) {
    sqlite3_value* value = sqlite3_column_value(statement_, column);
    if (!has_type(column, value, SQLITE_BLOB)) return;
    const std::string_view data = characters(value);
    if (data.size() % sizeof(OpId) != 0) {
      return blame(column, fmt::format("{} bytes are not a whole number of ids", data.size()));
    }
    out.resize(data.size() / sizeof(OpId));
    if (!out.empty()) std::memcpy(out.data(), data.data(), data.size());
  }

  void blame(Column column, std::string why) {
    if (blamed_) return;
    blamed_ = true;
    column_ = column;
    why_ = std::move(why);
  }

  [[nodiscard]] bool good() const { return !blamed_; }
  [[nodiscard]] const char* column() const { return kColumnNames[column_]; }
  [[nodiscard]] std::string take_why() { return std::move(why_); }

 private:
  bool has_type(Column column, sqlite3_value* value, int type) {
    const int found = sqlite3_value_type(value);
    if (found == type) return true;
    blame(column, fmt::format("{} where {} belongs", type_name(found), type_name(type)));
    return false;
  }

  template <std::size_t N>
  void copy_bytes(Column column, sqlite3_value* value, std::array<std::uint8_t, N>& out) {
    const std::string_view data = characters(value);
    if (data.size() != N) return blame(column, fmt::format("{} bytes, not {}", data.size(), N));
    std::memcpy(out.data(), data.data(), N);
  }

  static std::string_view characters(sqlite3_value* value) {
    const void* data = sqlite3_value_blob(value);
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value))};
  }

  sqlite3_stmt* statement_;
  bool blamed_ = false;
  Column column_ = kRowId;
  std::string why_;
};
static_assert(sizeof(OpId) == 32);

}  // namespace

ScannedRow decode_row(sqlite3_stmt* statement, const DocumentId& document) {
  ScannedRow scanned(std::in_place_type<OpRow>);
  OpRow& row = *std::get_if<OpRow>(&scanned);
  Op& op = row.op.op;
  Columns columns(statement);
  row.row = RowId{sqlite3_column_int64(statement, kRowId)};
  columns.bytes(kOpId, row.id.hash);
  const bool has_id = columns.good();

  op.document = document;
  columns.bytes(kAuthor, op.author.key);
  op.index = OpIndex{columns.counter(kIndex)};
  columns.bytes_or_null(kPrev, op.prev.hash);
  const std::int64_t kind = columns.number(kKind);
  if (kind < 1 || kind > 4) columns.blame(kKind, fmt::format("there is no kind {}", kind));
  op.kind = static_cast<OpKind>(kind);
  op.seq = Seq{columns.counter(kSeq)};
  columns.bytes_or_null(kTarget, op.target.hash);
  columns.ids(kParents, op.parents);
  columns.text(kName, op.name);
  columns.text(kActor, op.actor);
  columns.bytes_or_null(kDigest, op.content_digest.bytes);
  columns.text_or_null(kContent, row.op.content);
  columns.bytes_or_null(kSalt, row.op.salt.bytes);
  if (!row.op.content && row.op.salt != Salt{}) columns.blame(kSalt, "kept although the content is gone");
  op.time_ms = columns.number(kTime);
  columns.bytes(kSignature, row.op.signature.bytes);
  row.depth = Depth{columns.counter(kDepth)};
  columns.text(kSource, row.source);
  row.received_ms = columns.number(kReceived);

  if (!columns.good()) {
    return MalformedRow{row.row, has_id ? std::optional(row.id) : std::nullopt, columns.column(), columns.take_why()};
  }
  return scanned;
}

InsertedRow insert_row(sql::Connection& connection, const VerifiedOp& verified, Depth depth, std::string_view source,
                       std::int64_t received_ms) {
  const Op& op = verified.op();
  const sql::Blob parents(reinterpret_cast<const std::uint8_t*>(op.parents.data()), op.parents.size() * sizeof(OpId));
  const auto salt = verified.content() ? std::optional<sql::Blob>(verified.salt().bytes) : std::nullopt;
  const auto content = verified.content() ? std::optional<std::string_view>(*verified.content()) : std::nullopt;
  sql::Query insert(connection,
                    "INSERT INTO crdt_ops (" MUSHER_OP_COLUMNS ") VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    sql::Blob(verified.id().hash), sql::Blob(op.author.key), sql::to_column(raw(op.index)),
                    sql::unless_zero(op.prev.hash), static_cast<std::int64_t>(op.kind), sql::to_column(raw(op.seq)),
                    sql::unless_zero(op.target.hash), parents, std::string_view(op.name), std::string_view(op.actor),
                    sql::unless_zero(op.content_digest.bytes), content, salt, op.time_ms,
                    sql::Blob(verified.signature().bytes), sql::to_column(raw(depth)), source, received_ms);
  insert.run();
  return {RowId{sqlite3_last_insert_rowid(connection.handle())}, sqlite3_changes(connection.handle())};
}

}  // namespace musher
