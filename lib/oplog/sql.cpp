#include "oplog/sql.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>
#include <new>
#include <utility>

#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher::sql {
namespace {

void check(sqlite3* handle, int code) {
  if (code != SQLITE_OK) throw SQLite::Exception(handle, code);
}

void configure(sqlite3* handle, int option, int value) {
  check(handle, sqlite3_db_config(handle, option, value, nullptr));
}

// Steps of SQLite's virtual machine between two looks at the clock: a fraction of a millisecond.
constexpr int kStepsBetweenLooks = 20'000;

int note_wal_frames(void* frames, sqlite3*, const char*, int count) {
  *static_cast<int*>(frames) = count;
  return SQLITE_OK;
}

/// What SQLite could not do, in a word or two; empty where its own message says enough.
std::string_view failed_call(int extended) {
  switch (extended) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ: return "read";
    case SQLITE_IOERR_WRITE: return "write";
    case SQLITE_IOERR_FSYNC: return "fsync";
    case SQLITE_IOERR_DIR_FSYNC: return "fsync of the folder";
    case SQLITE_IOERR_TRUNCATE: return "truncate";
    case SQLITE_IOERR_FSTAT: return "stat";
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_UNLOCK: return "file lock";
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_SHMLOCK: return "the -shm file";
    default: return "";
  }
}

Error to_error(std::string_view act, const std::string& path, const SQLite::Exception& exception) {
  const auto about = [&](std::string_view cause) { return fmt::format("cannot {} {}: {}", act, path, cause); };
  // From the file layer the one code is the extended one.
  const int extended =
      exception.getExtendedErrorCode() == -1 ? exception.getErrorCode() : exception.getExtendedErrorCode();
  switch (exception.getErrorCode() & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return {Errc::busy, about("another program holds SQLite's own lock on it"), users_hint(path)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Errc::damaged, about(fmt::format("its pages are damaged ({})", exception.what())), verify_hint(path)};
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
      return {Errc::damaged, about(fmt::format("its tables are not those of an op log ({})", exception.what())),
              verify_hint(path)};
    case SQLITE_FULL: return {Errc::io, about("the disk is full"), "free some space, then try again"};
    case SQLITE_IOERR: {
      const std::string_view call = failed_call(extended);
      return {Errc::io, about(call.empty() ? exception.what() : fmt::format("{} failed", call)),
              "look at the disk and at the kernel's messages (dmesg), then try again"};
    }
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return {Errc::io, about(exception.what()), fmt::format("ls -ld {}*", shell_word(path))};
    case SQLITE_INTERRUPT:
      return {Errc::incomplete, about("the work was stopped, or one question took longer than any sound file needs"),
              verify_hint(path)};
    case SQLITE_NOMEM: return {Errc::internal, about("memory ran out"), ""};
    default: return {Errc::internal, about(fmt::format("{} (SQLite {})", exception.what(), extended)), ""};
  }
}

}  // namespace

void raise(Errc code, std::string what, std::string hint) { throw Failure{{code, std::move(what), std::move(hint)}}; }

Connection::Connection(const std::string& path, Access access)
    : database_(
          std::make_unique<SQLite::Database>(path,
                                             (access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                                                 SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                                             static_cast<int>(kBusyTimeout.count()))) {
  configure(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
  configure(handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
  configure(handle(), SQLITE_DBCONFIG_DEFENSIVE, 1);
  exec("PRAGMA cell_size_check = ON");
  if (access == Access::write) {
    exec("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384");
    sqlite3_wal_hook(handle(), note_wal_frames, &wal_frames_);  // takes the place of automatic WAL checkpoints
  }
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
}

sqlite3* Connection::handle() const { return database_->getHandle(); }

void Connection::exec(const char* sql) { check(handle(), sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr)); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle()) == 0; }

bool Connection::read_only() const { return sqlite3_db_readonly(handle(), "main") == 1; }

std::int64_t Connection::data_version() {
  Query version(*this, "PRAGMA data_version");
  return version.step() ? version.integer(0) : 0;
}

bool Connection::file_has_moved() const {
  int moved = 0;
  check(handle(), sqlite3_file_control(handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved));
  return moved != 0;
}

void Connection::limit_step(std::optional<std::chrono::milliseconds> longest) {
  longest_step_ = longest;
  watch();
}

void Connection::stop_when(std::function<bool()> stop) {
  stop_ = std::move(stop);
  watch();
}

void Connection::watch() {
  const bool watched = longest_step_ || stop_;
  begin_step();
  sqlite3_progress_handler(
      handle(), watched ? kStepsBetweenLooks : 0,
      [](void* self) { return static_cast<const Connection*>(self)->must_stop() ? 1 : 0; }, this);
}

bool Connection::must_stop() const {
  return (stop_ && stop_()) || (longest_step_ && std::chrono::steady_clock::now() > step_ends_);
}

void Connection::begin_step() {
  if (longest_step_) step_ends_ = std::chrono::steady_clock::now() + *longest_step_;
}

void Connection::checkpoint_on_close() { configure(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0); }

sqlite3_stmt* Connection::borrow(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    check(handle(), sqlite3_prepare_v3(handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  }
  return statement;
}

BusyTimeout::BusyTimeout(Connection& connection, std::chrono::milliseconds timeout) : connection_(connection) {
  sqlite3_busy_timeout(connection.handle(), static_cast<int>(timeout.count()));
}

BusyTimeout::~BusyTimeout() { sqlite3_busy_timeout(connection_.handle(), static_cast<int>(kBusyTimeout.count())); }

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::step() {
  connection_->begin_step();
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw SQLite::Exception(sqlite3_db_handle(statement_), code);
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

Blob Query::blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  return {static_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Query::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_, column);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Query::bind(int position, std::int64_t value) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_int64(statement_, position, value));
}

void Query::bind(int position, std::nullopt_t) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_null(statement_, position));
}

void Query::bind(int position, Blob value) {
  // A null pointer would bind NULL, and an empty blob is not NULL.
  const void* bytes = value.empty() ? "" : static_cast<const void*>(value.data());
  check(sqlite3_db_handle(statement_), sqlite3_bind_blob64(statement_, position, bytes, value.size(), SQLITE_STATIC));
}

void Query::bind(int position, std::string_view value) {
  const char* text = value.empty() ? "" : value.data();
  check(sqlite3_db_handle(statement_),
        sqlite3_bind_text64(statement_, position, text, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

std::int64_t to_column(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    raise(Errc::internal, fmt::format("the number {} does not fit the op log", number));
  }
  return static_cast<std::int64_t>(number);
}

Error current_error(std::string_view act, const std::string& path) {
  try {
    throw;
  } catch (Failure& failure) {
    if (failure.error.code == Errc::damaged && failure.error.hint.empty()) failure.error.hint = verify_hint(path);
    return std::move(failure.error);
  } catch (const SQLite::Exception& exception) {
    return to_error(act, path, exception);
  } catch (const std::bad_alloc&) {
    return {Errc::internal, "memory ran out", ""};
  } catch (const std::exception& exception) {
    return {Errc::internal, fmt::format("cannot {} {}: {}", act, path, exception.what()), ""};
  }
}

}  // namespace musher::sql
