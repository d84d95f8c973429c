#include "audit/file_check.hpp"

#include <fmt/format.h>

#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kLinesShown = 3;

void report_corrupt(FindingList& findings, const std::vector<std::string>& problems) {
  std::string message = "SQLite finds its structures damaged: " + problems.front();
  for (std::size_t i = 1; i < std::min(problems.size(), kLinesShown); ++i) message += "; " + problems[i];
  if (problems.size() > kLinesShown) message += fmt::format("; and {} more", problems.size() - kLinesShown);
  findings.add(
      {.code = FindingCode::sqlite_corrupt, .found = fmt::format("{} problems", problems.size()), .message = message});
}

}  // namespace

Result<SchemaDifferences> check_schema(SqliteOpLog& log, FindingList& findings) {
  auto differences = log.schema_differences();
  if (!differences && differences.error().code == Errc::damaged) {
    report_corrupt(findings, {differences.error().what});
    return SchemaDifferences{};
  }
  MUSHER_CHECK(differences);
  for (const auto& difference : *differences) {
    const bool missing_trigger = difference.is_trigger && difference.what == "missing";
    findings.add({.code = missing_trigger ? FindingCode::trigger_missing : FindingCode::schema_altered,
                  .field = difference.object,
                  .message = missing_trigger
                                 ? fmt::format("the {} is missing: rows of its table can be changed or deleted",
                                               difference.object)
                                 : fmt::format("the {} is {}", difference.object, difference.what)});
  }
  return *std::move(differences);
}

Result<void> check_tables(SqliteOpLog& log, FindingList& findings) {
  const auto problems = log.table_problems();
  if (!problems && problems.error().code == Errc::damaged) return {};  // the schema and the integrity check say why
  MUSHER_CHECK(problems);
  for (const auto& [table, what] : *problems) {
    const bool is_kept_up = table == "sqlite_sequence" || table == "trust_log";
    findings.add({.code = is_kept_up ? FindingCode::derived_stale : FindingCode::row_malformed,
                  .field = table,
                  .message = fmt::format("the table {} was changed past musher: {}", table, what),
                  .hint = fmt::format("sqlite3 -readonly {} 'SELECT * FROM {}'", shell_word(log.info().path), table)});
  }
  return {};
}

Result<void> check_integrity(SqliteOpLog& log, std::function<bool()> stop, FindingList& findings) {
  const auto problems = log.integrity_problems(std::move(stop));
  if (!problems && problems.error().code == Errc::damaged) {
    report_corrupt(findings, {problems.error().what});
    return {};
  }
  if (!problems && problems.error().code == Errc::incomplete) return {};  // the caller knows why
  MUSHER_CHECK(problems);
  if (!problems->empty()) report_corrupt(findings, *problems);
  return {};
}

}  // namespace musher
