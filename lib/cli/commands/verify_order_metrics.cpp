#include "cli/commands/verify_order_metrics.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>

#include "audit/replace_file.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::string_view kLastSuccess = "musher_verify_order_last_success_timestamp_seconds";

/// A label's value: backslash, quote and line feed are escaped.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::optional<std::int64_t> last_success_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kLastSuccess)) continue;
    const auto space = line.rfind(' ');
    std::int64_t seconds = 0;
    const auto read = std::from_chars(line.data() + space + 1, line.data() + line.size(), seconds);
    if (read.ec == std::errc{} && read.ptr == line.data() + line.size()) return seconds;
  }
  return std::nullopt;
}

void add(std::string& text, std::string_view name, std::string_view help, const std::string& labels,
         std::uint64_t value) {
  text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0}{{{2}}} {3}\n", name, help, labels, value);
}

std::unexpected<Error> not_written(const std::filesystem::path& file, std::string_view why) {
  return fail(Errc::io, fmt::format("cannot write the metrics to {}: {}", file.string(), why),
              fmt::format("ls -ld {}", shell_word(file.has_parent_path() ? file.parent_path().native() : ".")));
}

}  // namespace

std::string metrics_text(const RunMetrics& run, std::optional<std::int64_t> last_success_s) {
  const std::string log = fmt::format("log=\"{}\"", label(run.log_path));
  const auto seconds = static_cast<std::uint64_t>(run.ended_ms / 1000);
  std::string text;
  add(text, "musher_verify_order_last_run_timestamp_seconds", "When verify-order last ended, however it ended.", log,
      seconds);
  if (run.code == ExitCode::ok) last_success_s = static_cast<std::int64_t>(seconds);
  if (last_success_s) {
    add(text, kLastSuccess, "When verify-order last ended with exit code 0.", log,
        static_cast<std::uint64_t>(*last_success_s));
  }
  add(text, "musher_verify_order_exit_code", "Exit code of the last run.", log, static_cast<std::uint64_t>(run.code));
  if (run.report == nullptr) return text;
  add(text, "musher_verify_order_rows", "Rows in the log.", log, run.report->coverage.rows);
  add(text, "musher_verify_order_rows_checked", "Rows the last run checked.", log, run.report->coverage.rows_checked);
  if (run.report->coverage.trust_changes) {
    add(text, "musher_verify_order_trust_changes", "Changes of trust since the run before.", log,
        run.report->coverage.trust_changes->size());
  }
  text += "# HELP musher_verify_order_findings Findings of the last run.\n# TYPE musher_verify_order_findings gauge\n";
  for (const FindingKind& kind : finding_kinds()) {
    text += fmt::format("musher_verify_order_findings{{{},code=\"{}\",severity=\"{}\"}} {}\n", log, kind.name,
                        to_string(kind.severity), run.report->counts[static_cast<std::size_t>(kind.code)]);
  }
  return text;
}

Result<void> check_metrics_file(const std::filesystem::path& file) {
  if (const auto why = why_not_replaceable(file)) return not_written(file, *why);
  return {};
}

Result<void> write_metrics(const std::filesystem::path& file, const RunMetrics& run) {
  MUSHER_CHECK(check_metrics_file(file));
  // node_exporter reads *.prom as whoever it runs as; half a file under another name is nobody's business.
  const int error = replace_file(file, metrics_text(run, last_success_in(file)), 0644);
  return error == 0 ? Result<void>{} : not_written(file, std::strerror(error));
}

}  // namespace musher
