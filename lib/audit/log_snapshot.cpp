#include "audit/log_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace musher {
namespace {

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
  LogSnapshot snapshot;
  Attempt attempt;
  std::optional<RowId> last;
  const auto reads = [&]() -> Result<void> {
    MUSHER_CHECK(attempt.read("rows", log.last_row(), last));
    return read_tables(log, snapshot, attempt);
  };
  MUSHER_CHECK(log.at_one_instant(reads));
  snapshot.last = last.value_or(kLastRowUnknown);
  attempt.report(schema, findings);
  return snapshot;
}

}  // namespace musher
