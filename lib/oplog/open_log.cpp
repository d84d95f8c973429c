#include "oplog/open_log.hpp"

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <thread>

#include "oplog/hints.hpp"
#include "oplog/schema.hpp"

namespace musher {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kCloseTimeout{250};
// How long -wal and -shm of another user may be on their way to the log's owner and mode.
constexpr std::chrono::milliseconds kCompanionPatience{1'000};
constexpr std::chrono::milliseconds kCompanionPause{2};

[[noreturn]] void raise_not_a_log(const std::string& path, std::string_view why) {
  sql::raise(Errc::damaged, fmt::format("{} has the mark of an op log, but {}", path, why), verify_hint(path));
}

/// The header was checked before; a -wal may hold a newer one.
void check_format(sql::Connection& connection, const std::string& path) {
  sql::Query version(connection, "PRAGMA user_version");
  if (version.step() && version.integer(0) > std::int64_t{kFormat}) {
    sql::raise(Errc::newer_format,
               fmt::format("{} has format {}; this version of musher knows formats up to {}", path, version.integer(0),
                           kFormat),
               "install the version of musher that wrote it, or a newer one");
  }
}

void read_meta(sql::Connection& connection, LogInfo& info) {
  sql::Query query(connection, "SELECT key, value FROM meta WHERE key IN ('document', 'log', 'format', 'created_ms')");
  int found = 0;
  while (query.step()) {
    const std::string_view key = query.text(0);
    ++found;
    if (key == "format") info.format = static_cast<std::uint32_t>(query.integer(1));
    if (key == "created_ms") info.created_ms = query.integer(1);
    const bool good = key == "document" ? sql::read_bytes(query.blob(1), info.document.bytes)
                      : key == "log"    ? sql::read_bytes(query.blob(1), info.log.bytes)
                                        : true;
    if (!good) raise_not_a_log(info.path, fmt::format("its {} id is malformed", key));
  }
  if (found != 4) raise_not_a_log(info.path, "its meta rows are not all there");
}

/// SQLite makes -wal and -shm as the umask has it, and gives them the log's mode and (as root) owner after that; the
/// group follows last. Between the steps another user is turned away, or let in for reading only.
bool may_be_in_the_making(const OpenLog& log, const SQLite::Exception& exception) {
  const int code = exception.getErrorCode() & 0xff;
  return (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !log.copy && check_still_there(log.file);
}

template <class Work>
void once_companions_are_made(const OpenLog& log, Work work) {
  const auto deadline = steady_clock::now() + kCompanionPatience;
  while (true) {
    try {
      return work();
    } catch (const SQLite::Exception& exception) {
      if (!may_be_in_the_making(log, exception) || steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(kCompanionPause);
  }
}

void connect_now(OpenLog& log) {
  using sql::Connection;
  const std::string path = log.copy ? log.copy->path() : log.file.path;
  auto connection = std::make_unique<Connection>(
      path, log.mode == OpenMode::write ? Connection::Access::write : Connection::Access::read);
  check_format(*connection, log.info.path);
  read_meta(*connection, log.info);
  log.connection = std::move(connection);
  log.quarantine_holdings.reset();
  log.unaltered_at.reset();
  if (log.mode == OpenMode::write) log.companions.note(log.file);
}

}  // namespace

sql::Connection& OpenLog::database() {
  if (connection == nullptr) connect(*this);
  return *connection;
}

void connect(OpenLog& log) {
  once_companions_are_made(log, [&] { connect_now(log); });
}

void begin_immediate(OpenLog& log, std::chrono::milliseconds busy_timeout) {
  once_companions_are_made(log, [&] {
    try {
      const sql::BusyTimeout patience(log.database(), busy_timeout);
      sql::Query(log.database(), "BEGIN IMMEDIATE").run();
    } catch (const SQLite::Exception& exception) {
      if (may_be_in_the_making(log, exception)) log.connection.reset();  // what is open for reading only stays so
      throw;
    }
  });
}

void close_writer(OpenLog& log) noexcept {
  if (!log.lock || log.connection == nullptr) return;
  static_cast<void>(sql::guarded("close", log.info.path, [&] {
    if (check_still_there(log.file) && log.lock->acquire(kCloseTimeout)) log.connection->checkpoint_on_close();
    log.connection.reset();
    log.lock->release();
  }));
}

}  // namespace musher
