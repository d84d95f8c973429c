// musher purge: take stories out of the document, for ever.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/escape.hpp"
#include "cli/live_confirmation.hpp"
#include "cli/log_access.hpp"
#include "model/text.hpp"
#include "replica/purge.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

struct PurgeOptions {
  PurgeSelection selection;
  std::optional<std::chrono::milliseconds> older_than;
  std::optional<std::string> reason;
  std::vector<std::string> confirmed;
  std::optional<std::uint64_t> max;
  WaitOption wait{.tells_of_none = true};
  bool dry_run = false;
  bool yes = false;
  bool list = false;
};

void declare(PurgeOptions& options, CommandLine& line) {
  line.positional(options.selection.stories, "STORY", "a story id");
  line.flag(options.list, "--list", "list the stories that were purged: by which op, when, by whom and why");
  line.option(options.reason, "--reason", "TEXT", "why; kept in the op, signed");
  line.flag(options.dry_run, "-n,--dry-run", "show what would be purged, and write nothing");
  line.group("Choosing by what stories are");
  line.option(options.selection.stage, "--stage", "STAGE", "stories in this stage");
  line.option(options.older_than, "--older-than", "DURATION",
              "stories of which this log received no effective op in the last DURATION (30d)");
  line.group("Confirming");
  line.option(options.confirmed, "--confirm", "STORY", "say the story id again; once for each story");
  line.flag(options.yes, "--yes", "do not ask, when there are no more stories than --max");
  line.option(options.max, "--max", "N", "how many stories --yes stands for (default: 1)");
  options.wait.add_to(line);
  line.usage("[OPTION]... STORY...");
  line.usage("[OPTION]... --stage STAGE [--older-than DURATION]");
  line.usage("--list");
  line.paragraph(
      "A purge is one signed delete for each item of the story, written like any other op. All or nothing: one unknown "
      "story and nothing is written. Running it again changes nothing. It touches no worktree, timer, agent or file.");
  line.example("musher purge 478_story_sync --reason 'came back twice'", "asks for the story id, then purges");
  line.example("musher purge --stage 6_archived --older-than 90d -n", "see what that would take out");
}

/// "478_x: op 3f5a12c0ffee (row 7) by alice at TIME: why"
std::string removal_text(const PurgedStory& story, const Terminal& terminal) {
  const OpView& first = story.ops.front();
  return fmt::format("{}: {} by {} at {}{}", escape(story.story), op_list(story.ops), escape(writer_text(first)),
                     terminal.time(first.row.op.op.time_ms), story.reason ? ": " + escape(*story.reason) : "");
}

std::string describe(const PurgedStory& story, Terminal& terminal) {
  switch (story.status) {
    case PurgeStatus::would_purge:
      return fmt::format("would purge {}: {} item{}", escape(story.story), story.items.size(),
                         story.items.size() == 1 ? "" : "s");
    case PurgeStatus::purged: return "purged " + removal_text(story, terminal);
    case PurgeStatus::already_purged: return "already purged " + removal_text(story, terminal);
  }
  return {};
}

Result<void> write_json(Context& context, LogReader& log, std::string_view schema, const PurgeReport& report,
                        const LiveConfirmation& live) {
  MUSHER_TRY(const LogCard card, log_card(log));
  JsonWriter json(context.terminal.out());
  write_purge(json, {schema, static_cast<int>(live.exit_code()), &card}, report, live.answers);
  return {};
}

void render_text(const PurgeReport& report, Context& context) {
  if (context.settings.quiet && !report.dry_run) return;
  for (const PurgedStory& story : report.stories) context.terminal.out() << describe(story, context.terminal) << '\n';
  if (report.stories.empty()) context.terminal.note("no story matches: nothing to purge");
}

Result<void> ask(Context& context, const std::vector<const PurgedStory*>& wanted) {
  // Also when quiet: nobody confirms what is not shown.
  for (const PurgedStory* story : wanted) context.terminal.err() << describe(*story, context.terminal) << '\n';
  for (const PurgedStory* story : wanted) {
    const auto typed =
        context.terminal.ask(fmt::format("to purge {} for ever, type its story id:", escape(story->story)));
    if (typed != story->story) {
      return fail(Errc::refused, "not confirmed: nothing was purged", "type the story id as it stands");
    }
  }
  return {};
}

Result<void> check_confirmations(const PurgeOptions& options, const PurgePlan& plan) {
  for (const std::string& id : options.confirmed) {
    if (std::ranges::find(plan.stories, id, &PurgedStory::story) != plan.stories.end()) continue;
    return fail(Errc::refused, fmt::format("--confirm {} names a story that is not among those to purge", quote(id)),
                "say exactly the story ids that are to go");
  }
  return {};
}

/// What the options themselves say no to, in a dry run too.
Result<void> check_options(const PurgeOptions& options, const PurgePlan& plan) {
  MUSHER_CHECK(check_confirmations(options, plan));
  const std::uint64_t max = options.max.value_or(1);
  if (!options.yes || plan.to_purge() <= max) return {};
  return fail(
      Errc::refused,
      fmt::format("--yes stands for {} stor{}, and this would purge {}", max, max == 1 ? "y" : "ies", plan.to_purge()),
      fmt::format("look at them with -n, then: --yes --max {}", plan.to_purge()));
}

/// conventions: on a terminal the story id is typed; elsewhere --confirm for each story, or --yes for up to --max.
Result<void> confirm(const PurgeOptions& options, const PurgePlan& plan, Context& context) {
  std::vector<const PurgedStory*> wanted;
  for (const PurgedStory& story : plan.stories) {
    if (story.status == PurgeStatus::would_purge &&
        std::ranges::find(options.confirmed, story.story) == options.confirmed.end()) {
      wanted.push_back(&story);
    }
  }
  if (wanted.empty() || options.yes) return {};
  if (context.terminal.in_is_tty() && context.terminal.err_is_tty()) return ask(context, wanted);
  return fail(Errc::refused, fmt::format("not confirmed: {} would be purged for ever", escape(wanted.front()->story)),
              "add --confirm " + shell_word(wanted.front()->story));
}

Result<ExitCode> list(const PurgeOptions& options, Context& context) {
  if (!options.selection.stories.empty() || options.selection.stage || options.older_than || options.reason ||
      options.dry_run || options.yes || options.max || !options.confirmed.empty() || options.wait.wait) {
    return fail(Errc::usage, "--list goes alone", "musher purge --list; for one story: musher inspect story ID");
  }
  MUSHER_TRY(const auto log, open_for_reading(context));
  MUSHER_TRY(auto purged, list_purged(*log));
  if (wants_json(context)) {
    MUSHER_CHECK(write_json(context, *log, "musher.purge-list/1", {std::move(purged), false}, {}));
    return ExitCode::ok;
  }
  if (purged.empty()) context.terminal.note("no story of this log is purged");
  for (const PurgedStory& story : purged) {
    context.terminal.out() << "purged " << removal_text(story, context.terminal) << '\n';
  }
  return ExitCode::ok;
}

void note_written(const PurgeReport& report, Context& context) {
  for (const PurgedStory& story : report.stories) {
    if (story.status == PurgeStatus::purged) context.terminal.wrote(op_list(story.ops));
  }
}

/// A dry run ends as the real one would: without a key that may write here, refused.
Result<void> check_key(Context& context, LogReader& log) {
  MUSHER_TRY(const auto identity, Identity::load(context.settings.identity));
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  return check_own_trust(trust, identity.author(), log.info().path);
}

Result<ExitCode> run(PurgeOptions& options, Context& context) {
  if (options.list) return list(options, context);
  if (options.older_than) options.selection.received_before = now_ms() - options.older_than->count();
  if (options.dry_run) {
    MUSHER_TRY(const auto log, open_for_reading(context));
    MUSHER_TRY(auto plan, plan_purge(*log, options.selection, options.reason));
    MUSHER_CHECK(check_options(options, plan));
    MUSHER_CHECK(check_key(context, *log));
    const PurgeReport report{std::move(plan.stories), true};
    if (wants_json(context))
      MUSHER_CHECK(write_json(context, *log, "musher.purge/1", report, {}));
    else
      render_text(report, context);
    return ExitCode::ok;
  }
  MUSHER_TRY(auto replica, open_for_writing(context));
  MUSHER_TRY(const PurgePlan plan, plan_purge(replica.log(), options.selection, options.reason));
  MUSHER_CHECK(check_options(options, plan));
  MUSHER_CHECK(confirm(options, plan, context));
  MUSHER_TRY(const PurgeReport report, execute(replica, plan));
  note_written(report, context);
  show_warnings(context, replica);
  if (!wants_json(context)) render_text(report, context);
  // Also those that were purged before: running it again asks the servers again.
  std::vector<OpView> ops;
  for (const PurgedStory& story : report.stories) ops.insert(ops.end(), story.ops.begin(), story.ops.end());
  const LiveConfirmation live = confirm_live(context, replica, ops, options.wait);
  if (wants_json(context)) MUSHER_CHECK(write_json(context, replica.log(), "musher.purge/1", report, live));
  return live.exit_code();
}

}  // namespace

Command purge_command() { return make_command<PurgeOptions>("musher-purge", {}, declare, run); }

}  // namespace musher
