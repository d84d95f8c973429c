#pragma once
// The whole audit of one log: is every row what was signed and admitted, is none missing, is the order causal?

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "audit/finding_list.hpp"
#include "audit/state_file.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/checked_scan.hpp"

namespace musher {

struct AuditRequest {
  CheckSet checks = all_checks();
  /// Check also the signatures that a noted run has checked and that are the same bytes since (their chain digest is).
  bool full = false;
  /// Where the last complete run is noted; none: runs are not compared, and a cut-off tail may not show.
  std::optional<std::filesystem::path> state;
  StateFolder state_folder = StateFolder::must_be_there;
  /// Where the tips of keys that write here are noted; none: whether they wrote here more than it has is not asked.
  std::optional<std::filesystem::path> tip_notes{};
  bool require_state = false;  ///< without a noted run to compare with, the audit is incomplete
  std::optional<std::chrono::milliseconds> max_duration;
  Signatures signatures = Signatures::check;  ///< how; whether is up to `checks` and `full`
  unsigned threads = 0;                       ///< see ScanOptions
  std::int64_t now_ms = 0;                    ///< ms since 1970 UTC
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(std::uint64_t rows)> on_progress;  ///< rows checked so far; may be empty
  std::function<std::chrono::steady_clock::time_point()> steady_now = std::chrono::steady_clock::now;
};

enum class AuditVerdict : std::uint8_t {
  ok,          ///< no error, and everything asked for was looked at. There may be warnings
  findings,    ///< at least one error that nobody has acknowledged
  incomplete,  ///< no error as far as it went
};

enum class StateOutcome : std::uint8_t {
  none,       ///< not compared: not asked for, or cut short
  first_run,  ///< nothing to compare with
  matched,    ///< the log begins with what the last run saw
  failed,     ///< it does not, or the last run's note cannot be used
};

/// What was looked at: part of every verdict.
struct AuditCoverage {
  std::uint64_t rows = 0;          ///< in the log; where the run was cut short, as far as row numbers tell
  std::uint64_t rows_checked = 0;  ///< read and judged
  /// Rows that say nothing that could be judged, where the check that reports them was left out.
  std::uint64_t rows_not_judged = 0;
  std::uint64_t signatures_checked = 0;
  std::uint64_t signatures_from_checkpoint = 0;  ///< checked by an earlier run, and known to be the same bytes since
  RowId rowid_from{};
  RowId rowid_to{};
  std::vector<Check> checks_run;
  std::vector<Check> checks_skipped;
  StateOutcome state = StateOutcome::none;
  std::uint64_t states_of_other_logs = 0;  ///< of this document, beside where this first run is noted
  std::optional<Error> state_problem;      ///< why the last run's note cannot be used, or is wanted and not there
  std::optional<std::string>
      state_not_compared;  ///< "the time was up": why a comparison that was asked for is not made
  /// Changes of trust since the last run that the trust log tells of; nothing when there is no run to compare with.
  std::optional<std::vector<TrustChange>> trust_changes;
};

struct AuditReport {
  AuditVerdict verdict = AuditVerdict::incomplete;
  AuditCoverage coverage;
  std::vector<Finding> findings;                      ///< by row; those of the whole log first
  std::uint64_t findings_not_kept = 0;                ///< beyond FindingList::kKeptOfACode of a code
  std::array<std::uint64_t, kFindingCodes> counts{};  ///< by code, all of them
  bool cancelled = false;
  bool out_of_time = false;
  bool state_written = false;  ///< the run is noted; false also when a later one was noted meanwhile
};

/// Checks the rows there are when it begins; safe beside writers and live servers. One finding never stops the rest,
/// and a page that cannot be read costs its own rows only. Memory: about 90 bytes an op, 130 where writers were
/// concurrent. After a complete run of all checks without an error it notes the run in `state`.
/// @errors usage: no check is asked for that could run.  empty: no ops, and no sign that there ever were any.  busy,
/// io:
///   reading failed; the state is not a regular file or has no folder; or the run was good and could not be noted.
[[nodiscard]] Result<AuditReport> verify_order(SqliteOpLog& log, const AuditRequest& request);

}  // namespace musher
