// musher verify-order: is the log complete, in order, and as it was signed?

#include <fmt/format.h>

#include <ostream>

#include "audit/state_file.hpp"
#include "audit/verify_order.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/crypto_option.hpp"
#include "cli/commands/verify_order_metrics.hpp"
#include "cli/commands/verify_order_text.hpp"
#include "cli/error_report.hpp"
#include "cli/log_access.hpp"
#include "cli/pager.hpp"
#include "cli/progress.hpp"
#include "crypto/signature.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "report/verify_order_json.hpp"

namespace musher {
namespace {

struct VerifyOrderOptions {
  std::optional<std::string> state;
  bool require_state = false;
  bool full = false;
  std::optional<std::string> checks;
  std::optional<std::chrono::milliseconds> max_duration;
  std::optional<std::string> textfile;
  Signatures signatures = Signatures::check;
};

void declare(VerifyOrderOptions& options, CommandLine& line) {
  line.option(options.state, "--state", "FILE|none",
              "where the last good run is noted; by default LOG_ID.state in $XDG_STATE_HOME/musher (root: "
              "/var/lib/musher). none: do not "
              "compare, do not note");
  line.flag(options.require_state, "--require-state", "without a noted run to compare with, end with 4");
  line.flag(options.full, "--full",
            "check also the signatures that the noted run checked and that have not changed since");
  line.option(options.checks, "--checks", "LIST",
              "only these, with commas: file, row, signature, order, author, seq, trust, derived, story, clock, state");
  line.option(options.max_duration, "--max-duration", "TIME", "stop after this time and end with 4: 500ms 5s 10m 2h");
  declare_crypto(options.signatures, line);
  line.option(options.textfile, "--textfile", "FILE", "write metrics for Prometheus' textfile collector");
  line.paragraph(
      "Every row is hashed again, every signature checked, every op held against what it depends on, and the whole log "
      "against "
      "what the last good run noted outside it. musher-findings(7) tells what each finding means and what to do. It "
      "changes "
      "nothing in the log and is safe beside a live server.");
  line.example("musher verify-order", "is the log as it should be");
  line.example("musher verify-order -q", "for cron: silent when all is well, else one line and an exit code");
}

Result<CheckSet> checks_of(const std::optional<std::string>& list) {
  if (!list) return all_checks();
  std::vector<std::string> known;
  for (std::uint8_t i = 0; i < kChecks; ++i) known.emplace_back(to_string(Check{i}));
  CheckSet checks;
  for (std::string_view left = *list;;) {
    const auto comma = left.find(',');
    const std::string_view name = left.substr(0, comma);
    const auto check = check_named(name);
    if (!check) {
      return fail(Errc::usage, fmt::format("--checks: there is no check {}", quote(name)),
                  "musher verify-order --help lists them", nearest(name, known));
    }
    checks.set(static_cast<std::size_t>(*check));
    if (comma == left.npos) return checks;
    left.remove_prefix(comma + 1);
  }
}

Result<AuditRequest> request_of(const VerifyOrderOptions& options) {
  AuditRequest request;
  MUSHER_TRY(request.checks, checks_of(options.checks));
  request.signatures = options.signatures;
  // What the noted run has checked it may have checked without libsodium.
  request.full = options.full || options.signatures == Signatures::check_by_libsodium;
  if (options.signatures == Signatures::check_by_libsodium && !contains(request.checks, Check::signature)) {
    return fail(Errc::usage, "--crypto needs the check signature", "add signature to --checks");
  }
  request.require_state = options.require_state;
  request.max_duration = options.max_duration;
  request.now_ms = now_ms();
  if (options.state && options.state->empty()) return fail(Errc::usage, "--state: the file's name is empty");
  const bool none = options.state == "none";
  if (none && options.require_state)
    return fail(Errc::usage, "--state none and --require-state ask for opposite things");
  if (options.require_state && !contains(request.checks, Check::state)) {
    return fail(Errc::usage, "--require-state needs the check state", "add state to --checks");
  }
  if (none && request.checks.count() == 1 && contains(request.checks, Check::state))
    return fail(Errc::usage, "--checks state and --state none leave nothing to check", "add to --checks");
  if (options.state && !none) request.state = *options.state;
  return request;
}

/// The one place where a verdict becomes an exit code.
ExitCode code_of(AuditVerdict verdict) {
  switch (verdict) {
    case AuditVerdict::ok: return ExitCode::ok;
    case AuditVerdict::findings: return ExitCode::no;
    case AuditVerdict::incomplete: break;
  }
  return ExitCode::incomplete;
}

/// The name card as far as a damaged log lets it be read.
LogCard card_of(SqliteOpLog& log, const AuditReport& report) {
  if (auto card = log_card(log)) return *std::move(card);
  return {log.info(), report.coverage.rows, {}};
}

void render(SqliteOpLog& log, const AuditReport& report, ExitCode code, Context& context) {
  if (wants_json(context)) {
    const LogCard card = card_of(log, report);
    JsonWriter json(context.terminal.out());
    write_verify_order(json, {"musher.verify-order/1", static_cast<int>(code), &card, to_string(report.verdict), {}},
                       report);
  } else if (!context.settings.quiet) {
    page(context.terminal, context.environment,
         verify_order_text(log.info().path, report, context.terminal, context.settings.utc));
  } else if (code != ExitCode::ok) {
    context.terminal.err() << context.terminal.program() << ": " << verify_order_line(log.info().path, report) << '\n';
  }
}

Result<AuditReport> audit(const VerifyOrderOptions& options, AuditRequest request, Context& context) {
  MUSHER_TRY(const auto log, open_for_reading(context));
  if (!options.state) {
    request.state = default_state_file(state_dir(context.environment), log->info().log);
    request.state_folder = StateFolder::make;
  }
  request.tip_notes = state_dir(context.environment);
  // Rows have no gaps in a log that is as it should be; counting them would be a reading of its own.
  const auto total = static_cast<std::uint64_t>(raw(log->last_row().value_or(RowId{0})));
  Progress progress(context.terminal, steady_clock(), "verifying", "ops", total);
  request.on_progress = [&](std::uint64_t rows) { progress.update(rows); };
  auto report = verify_order(*log, request);
  if (report) render(*log, *report, code_of(report->verdict), context);
  return report;
}

Result<ExitCode> run(VerifyOrderOptions& options, Context& context) {
  MUSHER_TRY(const AuditRequest request, request_of(options));
  if (options.textfile) MUSHER_CHECK(check_metrics_file(*options.textfile));
  MUSHER_CHECK(verification_self_test());
  const auto report = audit(options, request, context);
  const ExitCode code = report ? code_of(report->verdict) : exit_code(report.error().code);
  Result<void> noted;
  if (options.textfile) {
    const std::string log = std::filesystem::absolute(context.settings.log).lexically_normal().string();
    noted = write_metrics(*options.textfile, {log, code, now_ms(), report ? &*report : nullptr});
  }
  const bool one_line = context.settings.quiet && !wants_json(context);
  if (!report && !one_line) return std::unexpected(report.error());
  if (!report) report_in_one_line(report.error(), context.terminal);
  if (noted) return code;
  if (one_line)
    report_in_one_line(noted.error(), context.terminal);
  else
    report_error(noted.error(), context.terminal);
  return worst(code, ExitCode::io);
}

}  // namespace

Command verify_order_command() {
  return make_command<VerifyOrderOptions>("musher-verify-order", {.identity = false}, declare, run);
}

}  // namespace musher
