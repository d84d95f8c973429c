#include "audit/log_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace musher {
namespace {

constexpr int kTries = 200;

/// A table that SQLite or its own columns keep from being read: noted, and the audit goes on without it.
class Attempt {
 public:
  template <class T>
  Result<void> read(const char* what, Result<T> result, std::optional<T>& out) {
    if (result) {
      out = *std::move(result);
      return {};
    }
    if (result.error().code != Errc::damaged) return std::unexpected(std::move(result).error());
    damaged_.emplace_back(what, result.error().what);
    return {};
  }

  void report(const SchemaDifferences& schema, FindingList& findings) const {
    for (const auto& [what, why] : damaged_) {
      const std::string table = std::string("table ") + what;
      const bool reported = findings.wants(FindingCode::schema_altered) &&
                            std::ranges::find(schema, table, &SqliteOpLog::SchemaDifference::object) != schema.end();
      if (reported) continue;
      const bool derived = std::string_view(what) != "rows";
      findings.add({.code = derived ? FindingCode::derived_stale : FindingCode::sqlite_corrupt,
                    .field = what,
                    .message = fmt::format("{} cannot be read: {}", what, why)});
    }
  }

 private:
  std::vector<std::pair<const char*, std::string>> damaged_;
};

Result<void> read_tables(SqliteOpLog& log, LogSnapshot& snapshot, Attempt& attempt) {
  MUSHER_CHECK(attempt.read("heads", log.heads(), snapshot.heads));
  MUSHER_CHECK(attempt.read("tips", log.tips(), snapshot.tips));
  MUSHER_CHECK(attempt.read("marks", log.marks(), snapshot.marks));
  MUSHER_CHECK(attempt.read("trust_log", log.trust_changes(), snapshot.trust_changes));
  MUSHER_CHECK(attempt.read("authors", log.authors(), snapshot.authors));
  std::optional<std::optional<RowId>> highest;
  MUSHER_CHECK(attempt.read("sqlite_sequence", log.highest_row_ever(), highest));
  if (highest) snapshot.highest = *highest;
  if (!snapshot.authors) return {};
  auto trust = TrustPolicy::read(log);  // fails where the index of the ops is damaged
  if (trust)
    snapshot.trust = *std::move(trust);
  else if (trust.error().code != Errc::damaged)
    return std::unexpected(std::move(trust).error());
  return {};
}

}  // namespace

Result<LogSnapshot> take_snapshot(SqliteOpLog& log, const SchemaDifferences& schema, FindingList& findings) {
  for (int i = 0; i < kTries; ++i) {
    LogSnapshot snapshot;
    Attempt attempt;
    std::optional<RowId> before, after;
    std::optional<std::uint64_t> rows;
    MUSHER_CHECK(attempt.read("rows", log.last_row(), before));
    MUSHER_CHECK(read_tables(log, snapshot, attempt));
    std::optional<std::vector<TrustChange>> trust_after;
    if (snapshot.trust_changes) MUSHER_CHECK(Attempt{}.read("trust_log", log.trust_changes(), trust_after));
    MUSHER_CHECK(Attempt{}.read("rows", log.count(), rows));
    MUSHER_CHECK(Attempt{}.read("rows", log.last_row(), after));
    if (before != after) continue;
    if (snapshot.trust_changes && (!trust_after || trust_after->size() != snapshot.trust_changes->size())) continue;
    snapshot.last = before.value_or(RowId{std::numeric_limits<std::int64_t>::max()});
    snapshot.rows = rows.value_or(0);
    attempt.report(schema, findings);
    return snapshot;
  }
  return fail(Errc::busy, fmt::format("cannot check {}: it is written to without a pause", log.info().path),
              "try again later, or check a copy of it");
}

}  // namespace musher
