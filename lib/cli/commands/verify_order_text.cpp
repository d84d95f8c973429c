#include "cli/commands/verify_order_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/time_text.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kMaxShown = 100;  ///< findings; --json has more

std::string plural(std::uint64_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::uint64_t count(const AuditReport& report, Severity severity) {
  std::uint64_t total = 0;
  for (const FindingKind& kind : finding_kinds()) {
    if (kind.severity == severity) total += report.counts[static_cast<std::size_t>(kind.code)];
  }
  return total;
}

/// "3 errors, 1 warning"; what there is none of is left out.
std::string counts_text(const AuditReport& report) {
  const std::uint64_t errors = count(report, Severity::error);
  const std::uint64_t warnings = count(report, Severity::warning);
  std::string text = errors > 0 ? plural(errors, "error") : "";
  if (warnings > 0) text += (text.empty() ? "" : ", ") + plural(warnings, "warning");
  return text;
}

std::string names(const std::vector<Check>& checks) {
  std::string text;
  for (const Check check : checks) text += (text.empty() ? "" : ", ") + std::string(to_string(check));
  return text;
}

std::string state_text(const AuditCoverage& coverage) {
  if (coverage.state_not_compared) return "not compared: " + *coverage.state_not_compared;
  switch (coverage.state) {
    case StateOutcome::none: return "not compared with an earlier run";
    case StateOutcome::first_run:
      return "first run: nothing to compare with yet" +
             (coverage.states_of_other_logs == 0 ? ""
                                                 : fmt::format("; {} of this document noted beside it",
                                                               plural(coverage.states_of_other_logs, "other log")));
    case StateOutcome::matched: return "begins with what the last run saw";
    case StateOutcome::failed: break;
  }
  return coverage.state_problem ? "could not be compared with the last run"
                                : "does not begin with what the last run saw";
}

/// A stranger's key may have been let in: whoever reads this knows whether that was meant.
std::string trust_text(const std::vector<TrustChange>& changes, bool utc) {
  std::string text = fmt::format("{:<12} {} since the last run:\n", "trust", plural(changes.size(), "change"));
  for (std::size_t i = 0; i < std::min(changes.size(), kMaxShown); ++i) {
    const TrustChange& change = changes[i];
    text += fmt::format("  {} {}: {} {} ({}){}\n", human_time(change.at_ms, utc), escape(change.who),
                        escape(change.action), escape(change.after.name), to_hex(change.after.author.key).substr(0, 12),
                        change.after.eraser ? ", who may erase" : "");
  }
  if (changes.size() > kMaxShown) text += fmt::format("  ... and {} more\n", changes.size() - kMaxShown);
  return text;
}

std::string signatures_text(const AuditCoverage& coverage) {
  std::string text = fmt::format("{} checked", coverage.signatures_checked);
  if (coverage.signatures_from_checkpoint > 0) {
    text += fmt::format(", {} checked by an earlier run and the same bytes since", coverage.signatures_from_checkpoint);
  }
  return text;
}

std::string why_incomplete(const AuditReport& report) {
  if (report.coverage.state_problem) return report.coverage.state_problem->what;
  if (report.out_of_time)
    return fmt::format("the time was up after {} of {} rows", report.coverage.rows_checked, report.coverage.rows);
  if (report.cancelled)
    return fmt::format("it was stopped after {} of {} rows", report.coverage.rows_checked, report.coverage.rows);
  if (report.coverage.rows_not_judged > 0) {
    return fmt::format("{} cannot be read as {} signed, and the checks that say what is wrong were left out",
                       plural(report.coverage.rows_not_judged, "row"),
                       report.coverage.rows_not_judged == 1 ? "it was" : "they were");
  }
  if (report.coverage.state == StateOutcome::failed) return state_text(report.coverage);
  return "not checked: " + names(report.coverage.checks_skipped);
}

std::string hint_of(const AuditReport& report) {
  const auto& problem = report.coverage.state_problem;
  return problem && !problem->hint.empty() ? " (" + problem->hint + ")" : "";
}

/// "6 of 6 checked, row 1 to 6"; read and not checked where the check row was left out.
std::string rows_text(const AuditCoverage& coverage) {
  const bool judged = std::ranges::find(coverage.checks_run, Check::row) != coverage.checks_run.end();
  std::string text = fmt::format("{} of {} {}", coverage.rows_checked, coverage.rows, judged ? "checked" : "read");
  if (coverage.rowid_from != RowId{0})
    text += fmt::format(", row {} to {}", raw(coverage.rowid_from), raw(coverage.rowid_to));
  return text;
}

/// The first error that a row shows; else the first.
const Finding& worst_of(const AuditReport& report) {
  const auto error = std::ranges::find(report.findings, Severity::error, &Finding::severity);
  const auto of_row = std::ranges::find_if(
      report.findings, [](const Finding& finding) { return finding.row && finding.severity() == Severity::error; });
  return of_row != report.findings.end() ? *of_row : *error;
}

void add_finding(std::string& text, const Finding& finding, const Terminal& terminal) {
  const bool error = finding.severity() == Severity::error;
  text += fmt::format("{} {}: {}\n", terminal.paint(error ? Style::red : Style::yellow, to_string(finding.severity())),
                      terminal.paint(Style::bold, kind_of(finding.code).name), message_text(finding.message));
  if (finding.expected && finding.found) {
    text += fmt::format("  expected {}, found {}\n", escape(*finding.expected), escape(*finding.found));
  }
  text += fmt::format("  {} {}\n", terminal.paint(Style::cyan, "hint:"), message_text(finding.hint));
}

std::string verdict_text(const AuditReport& report, const Terminal& terminal) {
  const std::string counts = counts_text(report);
  switch (report.verdict) {
    case AuditVerdict::ok:
      return terminal.paint(Style::green, "ok") + (counts.empty() ? "" : " (" + counts + ")") +
             (report.coverage.checks_skipped.empty() ? "" : ", as far as it was checked");
    case AuditVerdict::findings: return terminal.paint(Style::red, counts);
    case AuditVerdict::incomplete: break;
  }
  return terminal.paint(Style::yellow, "incomplete") + ": " + message_text(why_incomplete(report)) +
         (counts.empty() ? "" : " (" + counts + ")");
}

}  // namespace

std::string verify_order_text(const std::string& log_path, const AuditReport& report, const Terminal& terminal,
                              bool utc) {
  const AuditCoverage& coverage = report.coverage;
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<12} {}\n", name, escape(value));
  };
  line("log", log_path);
  line("rows", rows_text(coverage));
  line("signatures", signatures_text(coverage));
  line("state", state_text(coverage));
  if (coverage.trust_changes && !coverage.trust_changes->empty()) text += trust_text(*coverage.trust_changes, utc);
  if (!coverage.checks_skipped.empty()) line("not checked", names(coverage.checks_skipped));
  if (!report.findings.empty()) text += '\n';
  for (std::size_t i = 0; i < std::min(report.findings.size(), kMaxShown); ++i)
    add_finding(text, report.findings[i], terminal);
  const std::uint64_t more =
      report.findings.size() - std::min(report.findings.size(), kMaxShown) + report.findings_not_kept;
  if (more > 0)
    text += fmt::format("... and {} more (--json lists the first {} of each code)\n", more, FindingList::kKeptOfACode);
  text += "\n" + verdict_text(report, terminal) + "\n";
  if (report.verdict == AuditVerdict::incomplete && coverage.state_problem) {
    text += fmt::format("  {} {}\n", terminal.paint(Style::cyan, "hint:"), message_text(coverage.state_problem->hint));
  }
  return text;
}

std::string verify_order_line(const std::string& log_path, const AuditReport& report) {
  if (report.verdict == AuditVerdict::incomplete)
    return message_text(fmt::format("{}: incomplete: {}{}", log_path, why_incomplete(report), hint_of(report)));
  return escape(fmt::format("{}: {}: {}: {} (musher verify-order --log {})", log_path, counts_text(report),
                            kind_of(worst_of(report).code).name, worst_of(report).message, shell_word(log_path)));
}

}  // namespace musher
