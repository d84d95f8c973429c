#include "oplog/sqlite_write.hpp"

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>

#include "model/text.hpp"
#include "oplog/failed_commit.hpp"
#include "oplog/hints.hpp"
#include "oplog/peers.hpp"
#include "oplog/read_index.hpp"
#include "oplog/read_tables.hpp"
#include "oplog/row_codec.hpp"
#include "oplog/schema.hpp"
#include "oplog/wal.hpp"

namespace musher {
namespace {

constexpr std::chrono::milliseconds kLeastBusyTimeout{100};
// All writers wait meanwhile. The slowest step of a sound log of 10 million ops takes a few seconds.
constexpr std::chrono::milliseconds kLongestStep{60'000};
constexpr std::size_t kMostRemembered = 16'384;  ///< ops, of some 150 bytes

/// Row numbers are given from 1 up. A row below, or the last number in use, was put there by hand, and SQLite's answer
/// to the next insert would send one looking for a full disk or an op that is there already. Returns the highest number
/// that was ever given out.
RowId check_row_numbers(sql::Connection& connection, const std::string& path) {
  sql::Query numbers(connection,
                     "SELECT coalesce((SELECT min(rowid) FROM crdt_ops), 1), coalesce((SELECT max(rowid) FROM "
                     "crdt_ops), 0), coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'crdt_ops'), 0)");
  if (!numbers.step()) return RowId{0};
  const std::int64_t lowest = numbers.integer(0);
  const std::int64_t highest = std::max(numbers.integer(1), numbers.integer(2));
  const std::string hint = verify_hint(path);
  if (lowest < 1) {
    sql::raise(Errc::damaged,
               fmt::format("cannot write to {}: it has a row {}, and rows are numbered from 1", path, lowest), hint);
  }
  if (highest == std::numeric_limits<std::int64_t>::max()) {
    sql::raise(
        Errc::damaged,
        fmt::format("cannot write to {}: its last row number, {}, has been used, so that none is left", path, highest),
        hint);
  }
  return RowId{highest};
}

}  // namespace

Result<std::unique_ptr<WriteTransaction>> SqliteWrite::begin(OpenLog& log, std::chrono::milliseconds timeout) {
  if (log.mode != OpenMode::write) {
    return fail(Errc::refused, fmt::format("{} was opened for reading only", log.info.path));
  }
  if (log.writing) return fail(Errc::internal, fmt::format("a write transaction on {} is open already", log.info.path));
  MUSHER_CHECK(sql::guarded("open", log.info.path, [&] { static_cast<void>(log.database()); }));
  const auto start = std::chrono::steady_clock::now();
  // Before the lock: beside a log that is gone there is nothing to lock.
  MUSHER_CHECK(check_still_there(log.file));
  MUSHER_CHECK(log.companions.check_still_there(log.file));
  MUSHER_CHECK(log.lock->acquire(timeout));
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  if (auto begun = sql::guarded("write to", log.info.path,
                                [&] {
                                  leave_doubtful_wal(log);
                                  begin_immediate(log, std::max(timeout - spent, kLeastBusyTimeout));
                                });
      !begun) {
    log.lock->release();
    return std::unexpected(std::move(begun).error());
  }
  std::unique_ptr<SqliteWrite> transaction(new SqliteWrite(log));  // gives the lock back whatever happens
  MUSHER_CHECK(transaction->enter());
  return transaction;
}

SqliteWrite::SqliteWrite(OpenLog& log)
    : Reads(log), derived_(log.database(), log.info.log), quarantine_(log.database(), log.quarantine_limits) {
  log.writing = true;
  log.database().limit_step(kLongestStep);
}

SqliteWrite::~SqliteWrite() { end(); }

/// Runs one step. After one that failed SQLite may have rolled everything back: then nothing more goes in.
template <class Work>
Result<std::invoke_result_t<Work>> SqliteWrite::writing(Work work) {
  if (failed_ || ended_) {
    return fail(Errc::internal,
                fmt::format("cannot write to {}: an earlier step of this transaction failed, or it has ended",
                            log().info.path));
  }
  auto result = sql::guarded("write to", log().info.path, work);
  failed_ = !result;
  return result;
}

Result<void> SqliteWrite::enter() {
  return writing([&] {
    Companions::follow_log(log().file);
    const std::int64_t data_version = log().database().data_version();
    if (log().unaltered_at != data_version) check_schema_unaltered(log().database(), log().info.path);
    log().unaltered_at = data_version;
    last_row_ = check_row_numbers(log().database(), log().info.path);
    derived_.begin(log().info);
    quarantine_.begin(data_version, std::exchange(log().quarantine_holdings, std::nullopt));
  });
}

Result<RowId> SqliteWrite::append(const VerifiedOp& op, Depth depth, std::string_view source, std::int64_t received_ms,
                                  bool erases_now) {
  return writing([&] {
    check_new(op);
    const RowId row = insert(op, depth, source, received_ms);
    derived_.add(row, op.id(), op.op(), depth, op.signature(), received_ms, source);
    if (erases_now) erase_content(op.op().target);
    remember({op.id(), op.op().kind, op.op().author, op.op().index, depth, op.op().name});
    last_op_ = op.id();
    return row;
  });
}

RowId SqliteWrite::insert(const VerifiedOp& op, Depth depth, std::string_view source, std::int64_t received_ms) {
  const InsertedRow stored = insert_row(log().database(), op, depth, source, received_ms);
  const RowId expected{raw(last_row_) + 1};
  if (stored.rows != 1 || stored.row != expected) {
    sql::raise(Errc::damaged,
               fmt::format("cannot write to {}: SQLite did not store op {} as row {}", log().info.path,
                           to_hex(op.id().hash), raw(expected)),
               verify_hint(log().info.path));
  }
  return last_row_ = expected;
}

void SqliteWrite::check_new(const VerifiedOp& op) {
  const auto refuse = [&](std::string_view why) {
    sql::raise(Errc::internal, fmt::format("cannot append op {}: {}", to_hex(op.id().hash), why));
  };
  if (op.op().document != log().info.document) refuse("it belongs to another document");
  if (absent_ != op.id() && is_here(op.id())) refuse("it is in the log already");
  for (const OpId& id : dependencies(op.op())) {
    if (!is_here(id)) {
      refuse(fmt::format("its dependency {} is not in the log", to_hex(id.hash)));
    }
  }
}

bool SqliteWrite::is_here(const OpId& id) { return here_.contains(id) || is_known(log().database(), id); }

void SqliteWrite::remember(DependencyFacts facts) {
  if (facts.id == absent_) absent_.reset();
  if (here_.size() >= kMostRemembered) here_.clear();
  here_.insert_or_assign(facts.id, std::move(facts));
}

Result<std::optional<DependencyFacts>> SqliteWrite::facts(const OpId& id) {
  if (const auto found = here_.find(id); found != here_.end()) return found->second;
  MUSHER_TRY(auto found, Reads::facts(id));
  if (found)
    remember(*found);
  else
    absent_ = id;
  return found;
}

/// The erase is in the table: the trigger lets content go only then.
void SqliteWrite::erase_content(const OpId& target) {
  sql::Connection& connection = log().database();
  sql::Query(connection, "UPDATE crdt_ops SET content = NULL, salt = NULL WHERE op_id = ?", sql::Blob(target.hash))
      .run();
  sql::Query(connection, "DELETE FROM checkpoints WHERE row >= (SELECT rowid FROM crdt_ops WHERE op_id = ?)",
             sql::Blob(target.hash))
      .run();
  quarantine_.remove(target);
}

Result<void> SqliteWrite::set_author(const TrustChange& change) {
  return writing([&] {
    sql::Connection& connection = log().database();
    const AuthorRecord& after = change.after;
    const auto from = after.revoked_from ? std::optional<sql::Blob>(after.revoked_from->hash) : std::nullopt;
    sql::Query(
        connection,
        "INSERT INTO authors (author, name, trust, eraser, revoked_from) VALUES (?, ?, ?, ?, ?) ON CONFLICT (author) "
        "DO UPDATE SET name = excluded.name, trust = excluded.trust, eraser = excluded.eraser, "
        "revoked_from = excluded.revoked_from",
        sql::Blob(after.author.key), std::string_view(after.name), to_string(after.trust),
        static_cast<std::int64_t>(after.eraser), from)
        .run();
    sql::Query(connection,
               "INSERT INTO trust_log (at_ms, who, action, author, name, trust, eraser, revoked_from) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
               change.at_ms, std::string_view(change.who), std::string_view(change.action), sql::Blob(after.author.key),
               std::string_view(after.name), to_string(after.trust), static_cast<std::int64_t>(after.eraser), from)
        .run();
    last_trust_change_ = sqlite3_last_insert_rowid(connection.handle());
  });
}

Result<void> SqliteWrite::rebuild_derived() {
  return writing([&] { derived_.rebuild(log().info); });
}

Result<std::vector<OpId>> SqliteWrite::quarantine_add(const QuarantinedOp& op) {
  return writing([&] { return quarantine_.add(op); });
}

Result<void> SqliteWrite::quarantine_remove(std::int64_t id) {
  return writing([&] { quarantine_.remove(id); });
}

Result<QuarantineExtent> SqliteWrite::quarantine_extent() {
  return writing([&] { return quarantine_.extent(); });
}

Result<void> SqliteWrite::set_peer(const PeerRecord& peer) {
  return writing([&] { write_peer(log().database(), peer); });
}

Result<void> SqliteWrite::commit() {
  MUSHER_CHECK(flush());
  Result<void> committed = check_place();
  if (committed) committed = commit_to_disk();
  if (!committed) {
    end();
    return committed;
  }
  // Between the look before and the commit the file may have been renamed: then nobody will look for the op where it
  // went.
  if (const auto place = check_place(); !place) {
    end();
    return fail(Errc::incomplete,
                fmt::format("{} was renamed or replaced during the commit; what was written is in the "
                            "file that was there before",
                            log().info.path),
                place.error().hint);
  }
  committed_ = true;
  log().lock->ring();
  shorten_wal(log().database());
  end();
  return {};
}

Result<void> SqliteWrite::check_place() const {
  MUSHER_CHECK(check_still_there(log().file));
  MUSHER_CHECK(log().companions.check_still_there(log().file));
  MUSHER_TRY(const bool moved,
             sql::guarded("look at", log().info.path, [&] { return log().database().file_has_moved(); }));
  if (!moved) return {};
  return fail(Errc::refused,
              fmt::format("{} was renamed or deleted while it was open here; nothing was written", log().info.path),
              list_hint(folder_of(log().info.path)));
}

Result<void> SqliteWrite::commit_to_disk() {
  bool sync_failed = false;
  const auto committed = writing([&] {
    try {
      sql::Query(log().database(), "COMMIT").run();
    } catch (const SQLite::Exception& exception) {
      const int code = exception.getExtendedErrorCode();
      sync_failed = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
      throw;
    }
  });
  if (committed) return {};
  const CommitTrace trace{last_op_, last_trust_change_, quarantine_.last_added()};
  return settle_failed_commit(log(), trace, committed.error(), sync_failed);
}

void SqliteWrite::end() {
  if (ended_) return;
  ended_ = true;
  if (log().connection != nullptr && log().connection->in_transaction()) {
    static_cast<void>(
        sql::guarded("write to", log().info.path, [&] { sql::Query(log().database(), "ROLLBACK").run(); }));
  }
  if (log().connection != nullptr) log().connection->limit_step(std::nullopt);
  if (!failed_) log().quarantine_holdings = quarantine_.keep(committed_);  // else it may be another connection by now
  log().lock->release();
  log().writing = false;
}

Result<void> SqliteWrite::flush() {
  return writing([&] { derived_.flush(); });
}

Result<std::vector<Head>> SqliteWrite::heads() {
  MUSHER_CHECK(flush());
  return Reads::heads();
}

Result<std::vector<Tip>> SqliteWrite::tips() {
  MUSHER_CHECK(flush());
  return Reads::tips();
}

Result<std::vector<Tip>> SqliteWrite::tips_of(const AuthorId& author) {
  MUSHER_CHECK(flush());
  return Reads::tips_of(author);
}

Result<std::vector<Mark>> SqliteWrite::marks() {
  MUSHER_CHECK(flush());
  return Reads::marks();
}

Result<Mark> SqliteWrite::last_mark() { return derived_.last(); }

}  // namespace musher
