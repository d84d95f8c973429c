#include "oplog/sqlite_op_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "oplog/create_log.hpp"
#include "oplog/hints.hpp"
#include "oplog/lock_holders.hpp"
#include "oplog/open_log.hpp"
#include "oplog/read_rows.hpp"
#include "oplog/schema.hpp"
#include "oplog/sqlite_write.hpp"
#include "oplog/table_problems.hpp"
#include "oplog/wal.hpp"

namespace musher {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWalSlice{50};
// sqlite.org/walformat.html, "WAL locks": the five read marks in the -shm file.
constexpr ByteRange kReadMarks{123, 127};

Result<void> connect_guarded(OpenLog& log) {
  return sql::guarded("open", log.info.path, [&] { connect(log); });
}

/// A copy that VACUUM INTO made is in rollback-journal mode: its first writer brings it to WAL.
Result<void> switch_to_wal(OpenLog& log, milliseconds patience) {
  MUSHER_CHECK(log.lock->acquire(patience));
  const auto switched = sql::guarded("write to", log.info.path, [&] {
    sql::Query mode(log.database(), "PRAGMA journal_mode = WAL");
    if (!mode.step() || mode.text(0) != "wal") {
      sql::raise(Errc::io, fmt::format("cannot switch {} to WAL mode", log.info.path), users_hint(log.info.path));
    }
  });
  log.lock->release();
  log.companions.note(log.file);
  return switched;
}

Result<void> open_for_writing(OpenLog& log, milliseconds patience) {
  log.lock.emplace(log.file.path, log.file.facts);
  MUSHER_CHECK(connect_guarded(log));
  if (log.connection->read_only()) {
    return fail(Errc::io, fmt::format("may not write to {}: {}", log.info.path, describe_permissions(log.file.facts)),
                list_hint(log.info.path));
  }
  if (!log.file.wal) MUSHER_CHECK(switch_to_wal(log, patience));
  Companions::follow_log(log.file);
  return {};
}

/// Nothing when the log must be copied to be read.
Result<bool> open_in_place(OpenLog& log) {
  if (log.mode == OpenMode::read_copy) return false;
  if (log.file.wal && (!may_make_companions(log.file) || network_file_system(log.file.path))) return false;
  const auto connected = connect_guarded(log);
  if (!connected && connected.error().code == Errc::io) return false;
  MUSHER_CHECK(connected);
  if (log.file.wal) Companions::follow_log(log.file);
  return true;
}

Result<void> open_for_reading(OpenLog& log, milliseconds patience) {
  MUSHER_TRY(const bool opened, open_in_place(log));
  if (opened) return {};
  MUSHER_TRY(PrivateCopy copy, PrivateCopy::make(log.file, patience));
  log.copy.emplace(std::move(copy));
  log.info.copied_ms = log.copy->made_ms();
  MUSHER_CHECK(connect_guarded(log));
  log.copy->remove();  // SQLite has every file of it open
  return {};
}

}  // namespace

SqliteOpLog::SqliteOpLog(std::unique_ptr<OpenLog> log) : Reads(*log), log_(std::move(log)) {}

SqliteOpLog::~SqliteOpLog() { close_writer(*log_); }

Result<void> SqliteOpLog::check_create(const std::filesystem::path& path, const CreateOptions& options) {
  MUSHER_TRY(const std::string resolved, check_new_log(path, options));
  static_cast<void>(resolved);
  return {};
}

Result<std::unique_ptr<SqliteOpLog>> SqliteOpLog::create(const std::filesystem::path& path,
                                                         const CreateOptions& options) {
  MUSHER_TRY(const std::string made, create_log_file(path, options));
  MUSHER_TRY(auto log, open(made, OpenMode::write));
  MUSHER_CHECK(log->log_->lock->acquire(std::chrono::seconds(10)));  // makes the lock file
  log->log_->lock->release();
  return log;
}

Result<std::unique_ptr<SqliteOpLog>> SqliteOpLog::open(const std::filesystem::path& path, OpenMode mode,
                                                       milliseconds patience,
                                                       const std::optional<std::string>& copy_of) {
  auto log = std::make_unique<OpenLog>();
  log->mode = mode;
  MUSHER_TRY(log->file, check_log_file(path, mode));
  log->info.path = copy_of.value_or(log->file.path);
  std::unique_ptr<SqliteOpLog> opened(new SqliteOpLog(std::move(log)));
  MUSHER_CHECK(mode == OpenMode::write ? open_for_writing(*opened->log_, patience)
                                       : open_for_reading(*opened->log_, patience));
  return opened;
}

Result<std::unique_ptr<WriteTransaction>> SqliteOpLog::begin_write(milliseconds timeout) {
  return SqliteWrite::begin(*log_, timeout);
}

void SqliteOpLog::limit_quarantine(const QuarantineLimits& limits) { log_->quarantine_limits = limits; }

Result<std::vector<LiveServer>> SqliteOpLog::live_servers() {
  return musher::live_servers(log_->file.path, log_->file.facts, log_->info.log);
}

Result<std::vector<LiveAnswer>> SqliteOpLog::wait_for_servers(RowId row, milliseconds patience) {
  return musher::wait_for_servers(log_->file.path, log_->file.facts, log_->info.log, row, patience);
}

Result<LiveSlots> SqliteOpLog::live_slots() {
  return LiveSlots::open(log_->file.path, log_->file.facts, log_->info.log);
}

Result<LiveSlot> SqliteOpLog::take_live_slot() {
  return LiveSlot::take(log_->file.path, log_->file.facts, log_->info.log);
}

Result<Doorbell> SqliteOpLog::watch() { return Doorbell::watch(log_->file.path); }

Result<std::int64_t> SqliteOpLog::data_version() {
  return reading(*log_, [&] { return log_->database().data_version(); });
}

Result<void> SqliteOpLog::check_in_place() { return check_still_there(log_->file); }

Result<std::vector<std::string>> SqliteOpLog::integrity_problems(std::function<bool()> stop) {
  auto checked = reading(*log_, [&] {
    log_->database().stop_when(std::move(stop));
    sql::Query check(log_->database(), "PRAGMA integrity_check(100)");
    std::vector<std::string> problems;
    while (check.step()) {  // the first row holds many lines
      for (const auto line : std::views::split(check.text(0), '\n')) {
        const std::string_view text(line.begin(), line.end());
        if (text != "ok" && text != "*** in database main ***") problems.emplace_back(text);
      }
    }
    return problems;
  });
  if (log_->connection != nullptr) log_->connection->stop_when({});
  return checked;
}

Result<std::vector<SqliteOpLog::SchemaDifference>> SqliteOpLog::schema_differences() {
  return reading(*log_, [&] { return compare_schema(log_->database()); });
}

Result<std::vector<SqliteOpLog::TableProblem>> SqliteOpLog::table_problems() {
  return reading(*log_, [&] { return find_table_problems(log_->database()); });
}

Result<void> SqliteOpLog::at_one_instant(const std::function<Result<void>()>& reads) {
  Result<void> read;
  MUSHER_CHECK(reading(*log_, [&] {
    const Snapshot snapshot(log_->database());
    read = reads();
  }));
  return read;
}

Result<SqliteOpLog::FileSizes> SqliteOpLog::file_sizes() {
  const auto database = facts_of(log_->file.path);
  if (!database) return fail(Errc::io, fmt::format("cannot look at {}", log_->file.path));
  const auto wal = facts_of(log_->file.path + "-wal");
  return FileSizes{database->size, wal ? wal->size : 0};
}

Result<SqliteOpLog::WalEmptied> SqliteOpLog::empty_wal(milliseconds wait) {
  if (!log_->lock) return fail(Errc::refused, fmt::format("{} was opened for reading only", log_->info.path));
  const auto deadline = steady_clock::now() + wait;
  while (true) {  // in slices, so that other writers get their turn
    MUSHER_CHECK(check_still_there(log_->file));
    MUSHER_CHECK(
        log_->lock->acquire(std::max(std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), kWalSlice)));
    const auto done =
        sql::guarded("write to", log_->info.path, [&] { return musher::empty_wal(log_->database(), kWalSlice); });
    log_->lock->release();
    MUSHER_CHECK(done);
    if (*done) return WalEmptied{true, {}};
    if (steady_clock::now() >= deadline) break;
  }
  WalEmptied held;
  if (const auto shm = facts_of(log_->file.path + "-shm")) {
    for (const pid_t reader : posix_lock_holders(shm->identity, kReadMarks)) held.readers.push_back(reader);
  }
  return held;
}

}  // namespace musher
