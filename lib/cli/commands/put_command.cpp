#include <fmt/format.h>

#include <ostream>

#include "cli/assignments.hpp"
#include "cli/commands/commands.hpp"
#include "cli/escape.hpp"
#include "cli/live_confirmation.hpp"
#include "cli/log_access.hpp"
#include "replica/put.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

Result<std::vector<Assignment>> collect(Context& context, bool from_stdin, const std::vector<std::string>& given) {
  if (from_stdin) return read_assignments(context.terminal.in());
  std::vector<Assignment> assignments;
  for (const std::string& text : given) {
    MUSHER_TRY(auto assignment, parse_assignment(text));
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

void render_text(const PutReport& report, Terminal& terminal) {
  for (const OpView& view : report.ops) {
    const bool insert = view.row.op.op.kind == OpKind::insert;
    const std::string what = insert ? fmt::format("story {}", escape(report.story))
                                    : fmt::format("{} {} = {}", escape(report.story), escape(view.row.op.op.name),
                                                  cut(escape(view.row.op.content.value_or("")), 60));
    terminal.out() << fmt::format("{} {}: op {}, row {}, seq {}\n",
                                  report.dry_run ? "would write" : (insert ? "made" : "set"), what,
                                  short_id(view.row.id), raw(view.row.row), raw(view.row.op.op.seq));
  }
}

struct PutOptions {
  std::vector<std::string> assignments;
  PutRequest request;
  WaitOption wait;
};

void declare(PutOptions& options, CommandLine& line) {
  line.positional(options.request.story, "STORY", "the story id");
  line.positional(options.assignments, "FIELD=TEXT",
                  "a field and its text, or FIELD:=JSON; a single - reads them from stdin, one a line");
  line.flag(options.request.create, "--new", "make the story; without this a story that is not there is an error");
  line.flag(options.request.again, "--again", "with --new: start a purged story afresh");
  line.flag(options.request.dry_run, "-n,--dry-run", "do all but the writing");
  options.wait.add_to(line);
  line.usage("[OPTION]... STORY FIELD=TEXT|FIELD:=JSON...");
  line.usage("[OPTION]... --new STORY [FIELD=TEXT|FIELD:=JSON]...");
  line.usage("[OPTION]... STORY - < ASSIGNMENTS");
  line.example("musher put --new 478_story_sync name='Sync' stage=1_backlog retry_count:=0", "make a story");
  line.example("musher put 478_story_sync stage=2_current", "set one field");
}

Result<ExitCode> run(PutOptions& options, Context& context) {
  const bool from_stdin = options.assignments.size() == 1 && options.assignments.front() == "-";
  MUSHER_TRY(options.request.fields, collect(context, from_stdin, options.assignments));
  MUSHER_TRY(auto replica, open_for_writing(context));
  MUSHER_TRY(const PutReport report, put(replica, options.request));
  if (!report.dry_run) context.terminal.wrote(op_list(report.ops));
  show_warnings(context, replica);
  if (!wants_json(context) && (!context.settings.quiet || report.dry_run)) render_text(report, context.terminal);
  const LiveConfirmation live =
      report.dry_run ? LiveConfirmation() : confirm_live(context, replica, report.ops, options.wait);
  const ExitCode code = live.exit_code();
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(replica.log()));
    JsonWriter json(context.terminal.out());
    write_put(json, {"musher.put/1", static_cast<int>(code), &card}, report, live.answers);
  }
  return code;
}

}  // namespace

Command put_command() { return make_command<PutOptions>("musher-put", {}, declare, run); }

}  // namespace musher
