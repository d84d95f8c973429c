#include "oplog/failed_commit.hpp"

#include <fmt/format.h>

#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "oplog/read_index.hpp"
#include "oplog/wal.hpp"

namespace musher {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

bool is_there(sql::Connection& connection, const CommitTrace& trace) {
  if (trace.op) return is_known(connection, *trace.op);
  if (trace.trust_change)
    return sql::Query(connection, "SELECT 1 FROM trust_log WHERE id = ?", *trace.trust_change).step();
  return sql::Query(connection, "SELECT 1 FROM quarantine WHERE id = ?", trace.quarantined).step();
}

std::string describe(const CommitTrace& trace) {
  if (trace.op) return "op " + to_hex(trace.op->hash);
  return trace.trust_change ? "the change of trust" : "the quarantined op";
}

std::string hint(const OpenLog& log, const CommitTrace& trace) {
  const std::string look = trace.op             ? fmt::format("op {}", to_hex(trace.op->hash).substr(0, 12))
                           : trace.trust_change ? "authors"
                                                : "quarantine";
  return fmt::format("look at the disk, then: musher inspect --log {} {}", shell_word(log.info.path), look);
}

bool succeeds(OpenLog& log, auto&& work) { return sql::guarded("write to", log.info.path, work).value_or(false); }

/// Any commit takes the place of what a failed one left in the -wal behind the last good frame, so that no later
/// recovery can find it there.
bool seal(OpenLog& log) {
  return succeeds(log, [&] {
    log.database().exec("PRAGMA user_version = 1");
    return true;
  });
}

}  // namespace

void leave_doubtful_wal(OpenLog& log) {
  if (!log.wal_in_doubt) return;
  if (!empty_wal(log.database(), kPatience)) {
    sql::raise(
        Errc::io,
        fmt::format("will not write to {}: the disk did not confirm what is in its -wal, and a reader keeps it from "
                    "being written anew",
                    log.info.path),
        users_hint(log.info.path));
  }
  log.wal_in_doubt = false;
}

Result<void> settle_failed_commit(OpenLog& log, const CommitTrace& trace, const Error& error, bool sync_failed) {
  const auto unknown = [&](std::string_view what) {
    return fail(Errc::incomplete, fmt::format("{}; {} {}", error.what, describe(trace), what), hint(log, trace));
  };
  const auto nothing_written = [&] {
    return fail(error.code == Errc::busy ? Errc::busy : Errc::io, error.what + "; nothing was written", error.hint);
  };
  const auto found = sql::guarded("read", log.info.path, [&] {
    log.connection.reset();
    return is_there(log.database(), trace);
  });
  if (!found) return unknown("may or may not be in the log");
  if (*found) {
    if (sync_failed) {
      log.wal_in_doubt = true;
      static_cast<void>(sql::guarded("write to", log.info.path, [&] { leave_doubtful_wal(log); }));
      return unknown("is in the log, but the disk did not confirm it");
    }
    if (!sync_wal(log.file.path)) return unknown("is in the log, but the disk did not confirm it");
    return {};
  }
  if (seal(log) || !sync_failed) return nothing_written();
  return unknown("is not in the log now, but may appear there after a crash");
}

}  // namespace musher
