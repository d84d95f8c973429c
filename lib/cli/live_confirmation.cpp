#include "cli/live_confirmation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/error_report.hpp"
#include "cli/log_access.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::chrono::milliseconds kDefaultWait{5'000};

std::string pid_text(const LiveServer& server) {
  return fmt::format("PID {}{}", server.pid, server.other_namespace ? " of another PID namespace" : "");
}

std::string silent_text(const LiveAnswer& answer) {
  return pid_text(answer.server) + (answer.status == Confirmation::refused ? ", which has stopped following the log"
                                                                           : " within the time to wait");
}

}  // namespace

void WaitOption::add_to(CommandLine& line) {
  line.group("Live servers");
  line.option(wait, "--wait", "DURATION",
              "how long to wait until every server that has this log open has the change in memory (default: 5s)");
}

ExitCode LiveConfirmation::exit_code() const {
  const bool all = std::ranges::all_of(answers, [](const LiveAnswer& a) { return a.status == Confirmation::applied; });
  return all ? ExitCode::ok : ExitCode::no;
}

void tell_live(Context& context, const LiveConfirmation& confirmation, const std::vector<OpView>& ops,
               bool tells_of_none) {
  tell_live(context, confirmation, op_list(ops), tells_of_none);
}

void tell_live(Context& context, const LiveConfirmation& confirmation, std::string_view committed, bool tells_of_none) {
  if (confirmation.answers.empty() && tells_of_none) context.terminal.note("no live server has this log open");
  for (const LiveAnswer& answer : confirmation.answers) {
    if (answer.status == Confirmation::applied) {
      context.terminal.note(
          fmt::format("the live server {} has it in memory, after {} ms", pid_text(answer.server), answer.elapsed_ms));
    } else if (!wants_json(context)) {
      report_error({Errc::io, fmt::format("committed as {}, not confirmed by {}", committed, silent_text(answer)),
                    "the change is durable; ask the server: musher inspect summary " + log_words(context)},
                   context.terminal);
    }
  }
}

LiveConfirmation confirm_live(Context& context, Replica& replica, const std::vector<OpView>& ops,
                              const WaitOption& option) {
  if (ops.empty()) return {};
  const auto last = std::ranges::max(ops, {}, [](const OpView& op) { return op.row.row; }).row.row;
  return confirm_live(context, replica, last, op_list(ops), option);
}

LiveConfirmation confirm_live(Context& context, Replica& replica, RowId last, std::string_view committed,
                              const WaitOption& option) {
  LiveConfirmation confirmation;
  context.terminal.out().flush();  // what is written need not wait for who has it in memory
  auto answers = replica.log().wait_for_servers(last, option.wait.value_or(kDefaultWait));
  if (!answers) {
    context.terminal.warn("whether a live server has the change is not known: " + answers.error().what);
    return confirmation;
  }
  confirmation.answers = *std::move(answers);
  tell_live(context, confirmation, committed, option.tells_of_none);
  return confirmation;
}

}  // namespace musher
