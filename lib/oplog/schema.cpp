#include "oplog/schema.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

#include "oplog/hints.hpp"
#include "oplog/sql.hpp"

namespace musher {

const char* const kSchemaSql = R"sql(
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE crdt_ops (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  op_id BLOB NOT NULL,
  author BLOB NOT NULL,
  idx INTEGER NOT NULL,
  prev BLOB,
  kind INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  target BLOB,
  parents BLOB NOT NULL,
  name TEXT NOT NULL,
  actor TEXT NOT NULL,
  digest BLOB,
  content TEXT,
  salt BLOB,
  time_ms INTEGER NOT NULL,
  signature BLOB NOT NULL,
  depth INTEGER NOT NULL,
  source TEXT NOT NULL,
  received_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX crdt_ops_op_id ON crdt_ops (op_id);
CREATE INDEX crdt_ops_author ON crdt_ops (author, idx);
CREATE INDEX crdt_ops_target ON crdt_ops (target, kind, name, seq);
CREATE INDEX crdt_ops_story ON crdt_ops (name, kind) WHERE kind IN (1, 3) AND name <> '';

CREATE TRIGGER crdt_ops_no_replace BEFORE INSERT ON crdt_ops
WHEN EXISTS (SELECT 1 FROM crdt_ops WHERE op_id = NEW.op_id) OR EXISTS (SELECT 1 FROM crdt_ops WHERE rowid = NEW.rowid)
BEGIN
  SELECT RAISE(ABORT, 'crdt_ops is append-only: this op or row is there already. To change a field: musher put STORY FIELD=TEXT');
END;
CREATE TRIGGER crdt_ops_no_delete BEFORE DELETE ON crdt_ops
BEGIN
  SELECT RAISE(ABORT, 'crdt_ops is append-only: no row is ever deleted. To take a story out: musher purge STORY');
END;
CREATE TRIGGER crdt_ops_no_update BEFORE UPDATE ON crdt_ops
WHEN NOT (
  NEW.content IS NULL AND NEW.salt IS NULL
  AND NEW.rowid IS OLD.rowid AND NEW.op_id IS OLD.op_id AND NEW.author IS OLD.author AND NEW.idx IS OLD.idx
  AND NEW.prev IS OLD.prev AND NEW.kind IS OLD.kind AND NEW.seq IS OLD.seq AND NEW.target IS OLD.target
  AND NEW.parents IS OLD.parents AND NEW.name IS OLD.name AND NEW.actor IS OLD.actor AND NEW.digest IS OLD.digest
  AND NEW.time_ms IS OLD.time_ms AND NEW.signature IS OLD.signature AND NEW.depth IS OLD.depth
  AND NEW.source IS OLD.source AND NEW.received_ms IS OLD.received_ms
  AND EXISTS (SELECT 1 FROM crdt_ops WHERE target = OLD.op_id AND kind = 4))
BEGIN
  SELECT RAISE(ABORT, 'crdt_ops is append-only: only an erase op drops content. To change a field: musher put STORY FIELD=TEXT; to drop its content: musher purge STORY --erase --reason TEXT');
END;

CREATE TABLE heads (
  op_id BLOB PRIMARY KEY,
  depth INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tips (
  author BLOB NOT NULL,
  op_id BLOB NOT NULL,
  idx INTEGER NOT NULL,
  PRIMARY KEY (author, op_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
  row INTEGER PRIMARY KEY,
  chain BLOB NOT NULL,
  list_seq INTEGER NOT NULL,
  ops INTEGER NOT NULL
) STRICT;

CREATE TABLE authors (
  author BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  trust TEXT NOT NULL CHECK (trust IN ('allowed', 'revoked')),
  eraser INTEGER NOT NULL CHECK (eraser IN (0, 1)),
  revoked_from BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE trust_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  who TEXT NOT NULL,
  action TEXT NOT NULL,
  author BLOB NOT NULL,
  name TEXT NOT NULL,
  trust TEXT NOT NULL,
  eraser INTEGER NOT NULL,
  revoked_from BLOB
) STRICT;
CREATE TRIGGER trust_log_no_delete BEFORE DELETE ON trust_log
BEGIN
  SELECT RAISE(ABORT, 'trust_log is append-only. To change whom this log trusts: musher trust add|revoke KEY');
END;
CREATE TRIGGER trust_log_no_update BEFORE UPDATE ON trust_log
BEGIN
  SELECT RAISE(ABORT, 'trust_log is append-only. To change whom this log trusts: musher trust add|revoke KEY');
END;

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  op_id BLOB NOT NULL,
  reason TEXT NOT NULL,
  source TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  canonical BLOB NOT NULL,
  signature BLOB NOT NULL,
  content TEXT,
  salt BLOB,
  bytes INTEGER NOT NULL,
  UNIQUE (op_id, reason)
) STRICT;
CREATE INDEX quarantine_source ON quarantine (source, id, bytes);

CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  row INTEGER NOT NULL,
  chain BLOB NOT NULL,
  ops INTEGER NOT NULL,
  state BLOB NOT NULL,
  author BLOB NOT NULL,
  signature BLOB NOT NULL,
  made_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE peers (
  peer BLOB PRIMARY KEY,
  log BLOB NOT NULL,
  heard_row INTEGER,
  heard_chain BLOB,
  acknowledged INTEGER NOT NULL,
  state TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  address TEXT NOT NULL,
  last_error TEXT NOT NULL,
  sent_bytes INTEGER NOT NULL,
  received_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW ops (rowid, id, author, kind, story, field, value, seq, "index", time, received, actor, source) AS
SELECT o.rowid,
       lower(hex(o.op_id)),
       coalesce((SELECT name FROM authors WHERE author = o.author), lower(hex(o.author))),
       CASE o.kind WHEN 1 THEN 'insert' WHEN 2 THEN 'set' WHEN 3 THEN iif(o.name = '', 'delete', 'purge') WHEN 4 THEN 'erase' END,
       s.story,
       iif(o.kind = 2, o.name, NULL),
       iif(o.content IS NULL AND o.digest IS NOT NULL, '(erased)', o.content),
       o.seq,
       o.idx,
       strftime('%Y-%m-%d %H:%M:%f', o.time_ms / 1000.0, 'unixepoch', 'localtime'),
       strftime('%Y-%m-%d %H:%M:%f', o.received_ms / 1000.0, 'unixepoch', 'localtime'),
       o.actor,
       o.source
FROM (
  SELECT i.rowid AS row, i.name AS story FROM crdt_ops i
    WHERE i.kind IN (1, 3) AND i.name <> '' AND i.kind = 1
  UNION ALL
  SELECT c.rowid, i.name FROM crdt_ops i JOIN crdt_ops c ON c.target = i.op_id AND c.kind IN (2, 3, 4)
    WHERE i.kind IN (1, 3) AND i.name <> '' AND i.kind = 1
  UNION ALL
  SELECT e.rowid, i.name FROM crdt_ops i JOIN crdt_ops c ON c.target = i.op_id AND c.kind IN (2, 3)
                                         JOIN crdt_ops e ON e.target = c.op_id AND e.kind = 4
    WHERE i.kind IN (1, 3) AND i.name <> '' AND i.kind = 1
) s JOIN crdt_ops o ON o.rowid = s.row
ORDER BY o.rowid;
)sql";

namespace {

constexpr std::size_t kWriteVersionOffset = 18;  // sqlite.org/fileformat2.html: 2 is WAL
constexpr std::size_t kReadVersionOffset = 19;

using Objects = std::map<std::pair<std::string, std::string>, std::string>;  // (type, name) to SQL

// ANALYZE may keep its statistics. SQLite goes by the SQL of a row and not by its type and name, so that SQL it is.
constexpr std::string_view kStatistics[] = {"CREATE TABLE sqlite_stat1(tbl,idx,stat)",
                                            "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"};
// Many times what a log has. A file can be made to list more than anybody could read.
constexpr int kMaxObjects = 1'000;

Objects read_objects(sqlite3* handle) {
  Objects objects;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle, "SELECT type, name, sql FROM sqlite_schema LIMIT ?", -1, &raw, nullptr) != SQLITE_OK) {
    throw SQLite::Exception(handle);
  }
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, &sqlite3_finalize);
  sqlite3_bind_int(raw, 1, kMaxObjects);
  const auto text = [&](int column) {
    const unsigned char* bytes = sqlite3_column_text(raw, column);
    if (bytes == nullptr) return std::string();
    return std::string(reinterpret_cast<const char*>(bytes),
                       static_cast<std::size_t>(sqlite3_column_bytes(raw, column)));
  };
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    const std::string sql = text(2);
    if (std::ranges::find(kStatistics, sql) != std::end(kStatistics)) continue;
    objects[{text(0), text(1)}] += sql;  // of two with one name neither hides behind the other
  }
  if (code != SQLITE_DONE) throw SQLite::Exception(handle, code);
  return objects;
}

SQLite::Database empty_log() {
  SQLite::Database database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
  database.exec(kSchemaSql);
  return database;
}

/// The statements of kSchemaSql: one ends with the semicolon before the next CREATE, or before nothing.
std::vector<std::string_view> schema_statements() {
  constexpr std::string_view kStart = "CREATE ";
  const std::string_view sql = kSchemaSql;
  std::vector<std::string_view> statements;
  for (std::size_t begin = sql.find(kStart); begin != sql.npos;) {
    const std::size_t next = sql.find("\n" + std::string(kStart), begin);
    const std::string_view statement = sql.substr(begin, next == sql.npos ? next : next - begin);
    statements.push_back(statement.substr(0, statement.rfind(';')));
    begin = next == sql.npos ? next : next + 1;
  }
  return statements;
}

/// As SQLite lists it: a statement is stored as it is written here. Building an empty log to ask SQLite would be a
/// fifth of the CPU time of a put; a test holds this against a new log.
Objects list_schema() {
  Objects objects = {{{"table", "sqlite_sequence"}, "CREATE TABLE sqlite_sequence(name,seq)"},  // of AUTOINCREMENT
                     {{"index", "sqlite_autoindex_quarantine_1"}, ""}};                         // of UNIQUE
  for (const std::string_view sql : schema_statements()) {
    std::istringstream words{std::string(sql.substr(0, sql.find('(')))};
    std::string create, type, name;
    words >> create >> type;
    if (type == "UNIQUE") words >> type;
    words >> name;
    std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    objects[{type, name}] = sql;
  }
  return objects;
}

const Objects& schema_of_this_version() {
  static const Objects objects = list_schema();
  return objects;
}

template <class Value>
void add_meta(SQLite::Database& database, const char* key, const Value& value) {
  SQLite::Statement insert(database, "INSERT INTO meta (key, value) VALUES (?, ?)");
  insert.bind(1, key);
  if constexpr (std::is_same_v<Value, sql::Blob>) {
    insert.bind(2, static_cast<const void*>(value.data()), static_cast<int>(value.size()));
  } else {
    insert.bind(2, value);
  }
  insert.exec();
}

}  // namespace

std::vector<std::uint8_t> new_log_image(const LogInfo& info, std::string_view created_by) {
  SQLite::Database database = empty_log();
  add_meta(database, "document", sql::Blob(info.document.bytes));
  add_meta(database, "log", sql::Blob(info.log.bytes));
  add_meta(database, "format", std::int64_t{kFormat});
  add_meta(database, "created_ms", info.created_ms);
  add_meta(database, "created_by", std::string(created_by));
  database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version = " + std::to_string(kFormat));

  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, decltype(&sqlite3_free)> bytes(
      sqlite3_serialize(database.getHandle(), "main", &size, 0), &sqlite3_free);
  if (bytes == nullptr) throw std::bad_alloc();
  std::vector<std::uint8_t> image(bytes.get(), bytes.get() + size);
  image[kWriteVersionOffset] = image[kReadVersionOffset] = 2;
  return image;
}

std::vector<SqliteOpLog::SchemaDifference> compare_schema(sql::Connection& connection) {
  const Objects stored = read_objects(connection.handle());
  const Objects& expected = schema_of_this_version();
  std::vector<SqliteOpLog::SchemaDifference> differences;
  const auto differ = [&](const std::pair<std::string, std::string>& object, const char* what) {
    differences.push_back({object.first + " " + object.second, object.first == "trigger", what});
  };
  for (const auto& [object, sql] : expected) {
    const auto found = stored.find(object);
    if (found == stored.end()) {
      differ(object, "missing");
    } else if (found->second != sql) {
      differ(object, "altered");
    }
  }
  for (const auto& [object, sql] : stored) {
    if (!expected.contains(object)) differ(object, "not part of format 1");
  }
  return differences;
}

void check_schema_unaltered(sql::Connection& connection, const std::string& path) {
  const auto differences = compare_schema(connection);
  if (differences.empty()) return;
  const std::string others = differences.size() == 1 ? "" : fmt::format(" (and {} more)", differences.size() - 1);
  sql::raise(Errc::damaged,
             fmt::format("cannot write to {}: its schema was altered: {} is {}{}", path, differences.front().object,
                         differences.front().what, others),
             verify_hint(path));
}

}  // namespace musher
