#pragma once
// A Prometheus textfile: so that a cron job that stopped working shows as well as a log that did.

#include <filesystem>
#include <optional>

#include "audit/verify_order.hpp"
#include "cli/exit_code.hpp"

namespace musher {

struct RunMetrics {
  std::string log_path;  ///< absolute
  ExitCode code = ExitCode::ok;
  std::int64_t ended_ms = 0;
  const AuditReport* report = nullptr;  ///< null: the run ended in an error before it had one
};

/// last_success_s: of an earlier run, seconds since 1970; that of this run when it ended well.
[[nodiscard]] std::string metrics_text(const RunMetrics& run, std::optional<std::int64_t> last_success_s);

/// Before the audit: whether the metrics could be written there.
/// @errors io: what stands there is not a regular file.
[[nodiscard]] Result<void> check_metrics_file(const std::filesystem::path& file);

/// Replaces the file in one step; keeps the last success of the file that was there.
/// @errors io.
Result<void> write_metrics(const std::filesystem::path& file, const RunMetrics& run);

}  // namespace musher
