// musher replay: the document built again from its log, and compared.

#include <fmt/format.h>

#include "audit/replay.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/crypto_option.hpp"
#include "cli/commands/replay_text.hpp"
#include "cli/log_access.hpp"
#include "cli/pager.hpp"
#include "cli/progress.hpp"
#include "crypto/signature.hpp"
#include "report/replay_json.hpp"

namespace musher {
namespace {

struct ReplayOptions {
  ReplayOrder order = ReplayOrder::rowid;
  std::optional<std::string> at;
  std::optional<std::string> compare;
  std::optional<std::string> story;
  Signatures signatures = Signatures::check;
};

void declare(ReplayOptions& options, CommandLine& line) {
  line.choice(
      options.order, "--order",
      std::vector<std::pair<std::string, ReplayOrder>>{{"rowid", ReplayOrder::rowid}, {"seq", ReplayOrder::seq}},
      "ORDER", "rowid: causal, the right one (default). seq: the naive one of the incident, to see what it loses");
  line.option(options.at, "--at", "POINT",
              "only up to there: row:N, op:ID, @UNIX, 2026-04-09T12:00:00Z, -2h, \"2 hours ago\"");
  line.option(options.compare, "--compare", "seq|FILE",
              "say where the naive order, or another log of this document, differs");
  line.option(options.story, "--story", "STORY", "list only what concerns this story");
  declare_crypto(options.signatures, line);
  line.exclusive({"--order", "--compare"});
  line.paragraph(
      "Every signature is checked, in rowid order, on all cores. A row that cannot be applied or is "
      "not there makes the exit code 1, as does any difference.");
  line.example("musher replay", "does the log still give a document, and which");
  line.example("musher replay --compare seq", "what a replay in seq order would lose");
}

Result<ExitCode> plain(LogReader& log, const ReplayRequest& request, Context& context,
                       const std::optional<ResolvedPoint>& at) {
  MUSHER_TRY(const ReplayReport report, replay(log, request));
  const ExitCode code = report.ok() ? ExitCode::ok : ExitCode::no;
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(log));
    JsonWriter json(context.terminal.out());
    write_replay(json, {"musher.replay/1", static_cast<int>(code), &card, report.ok() ? "ok" : "failed", at}, report);
  } else {
    MUSHER_TRY(const auto trust, TrustPolicy::read(log));
    page(context.terminal, context.environment, replay_text(report, trust, context.terminal));
  }
  return code;
}

Result<Comparison> compared(LogReader& log, const ReplayRequest& request, const std::string& with) {
  if (with == "seq") return compare_with_seq(log, request);
  MUSHER_TRY(const auto other, open_other_log("--compare", with));
  return compare_with_log(log, *other, request);
}

Result<ExitCode> comparison(LogReader& log, const ReplayRequest& request, const std::string& with, Context& context,
                            const std::optional<ResolvedPoint>& at) {
  MUSHER_TRY(const Comparison found, compared(log, request, with));
  const bool same = found.same();
  const ExitCode code = same ? ExitCode::ok : ExitCode::no;
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(log));
    JsonWriter json(context.terminal.out());
    write_comparison(json, {"musher.replay/1", static_cast<int>(code), &card, same ? "same" : "different", at}, found);
  } else {
    page(context.terminal, context.environment, comparison_text(found, context.terminal));
  }
  return code;
}

Result<ExitCode> run(ReplayOptions& options, Context& context) {
  if (options.order == ReplayOrder::seq && options.signatures == Signatures::check_by_libsodium) {
    return fail(Errc::usage, "--crypto: a replay with --order seq checks no signatures", "leave one of the two out");
  }
  MUSHER_CHECK(verification_self_test());
  MUSHER_TRY(const auto log, open_for_reading(context));
  MUSHER_TRY(const auto at, resolve_at(context, *log, options.at));
  MUSHER_TRY(const std::uint64_t total, log->count());
  Progress progress(context.terminal, steady_clock(), "replaying", "ops", total);
  ReplayRequest request;
  request.order = options.order;
  if (at) request.at = at->row;
  request.story = options.story;
  request.signatures = options.signatures;
  request.on_progress = [&](std::uint64_t rows) {
    if (rows % 256 == 0) progress.update(rows);
  };
  if (options.compare) return comparison(*log, request, *options.compare, context, at);
  return plain(*log, request, context, at);
}

}  // namespace

Command replay_command() { return make_command<ReplayOptions>("musher-replay", {.identity = false}, declare, run); }

}  // namespace musher
