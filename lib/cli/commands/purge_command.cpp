// musher purge: take stories out of the document, for ever.

#include <chrono>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/purge_confirmation.hpp"
#include "cli/commands/purge_options.hpp"
#include "cli/commands/write_text.hpp"
#include "cli/live_confirmation.hpp"
#include "cli/log_access.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

Result<void> write_json(Context& context, LogReader& log, std::string_view schema, const PurgeReport& report,
                        const LiveConfirmation& live) {
  MUSHER_TRY(const LogCard card, log_card(log));
  JsonWriter json(context.terminal.out());
  write_purge(json, {schema, static_cast<int>(live.exit_code()), &card}, report, live.answers);
  return {};
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

/// The plan, from a handle that cannot write. It ends as the real run would: this log and key must be fit to write
/// with, and where there is something to purge the lock must be free and the key trusted.
Result<ExitCode> dry_run(const PurgeOptions& options, Context& context) {
  MUSHER_CHECK(open_for_writing(context));
  MUSHER_TRY(const auto log, open_for_reading(context));
  MUSHER_TRY(auto plan, plan_purge(*log, options.selection, options.reason));
  MUSHER_CHECK(check_options(options, plan));
  if (plan.to_purge() > 0) {
    MUSHER_TRY(auto replica, open_for_writing(context));
    MUSHER_CHECK(OwnWrite::begin(replica));
    show_warnings(context, replica);
  }
  const PurgeReport report{std::move(plan.stories), true};
  if (wants_json(context))
    MUSHER_CHECK(write_json(context, *log, "musher.purge/1", report, {}));
  else
    show_purges(report, context);
  return ExitCode::ok;
}

Result<ExitCode> run(PurgeOptions& options, Context& context) {
  if (options.list) return list(options, context);
  if (options.older_than) options.selection.received_before = now_ms() - options.older_than->count();
  if (options.dry_run) return dry_run(options, context);
  MUSHER_TRY(auto replica, open_for_writing(context));
  MUSHER_TRY(const PurgePlan plan, plan_purge(replica.log(), options.selection, options.reason));
  MUSHER_CHECK(check_options(options, plan));
  MUSHER_CHECK(confirm(options, plan, context));
  MUSHER_TRY(const PurgeReport report, execute(replica, plan));
  note_written(report, context);
  show_warnings(context, replica);
  if (!wants_json(context)) show_purges(report, context);
  // Also those that were purged before: running it again asks the servers again.
  std::vector<OpView> ops;
  for (const PurgedStory& story : report.stories) ops.insert(ops.end(), story.ops.begin(), story.ops.end());
  const LiveConfirmation live = confirm_live(context, replica, ops, options.wait);
  if (wants_json(context)) MUSHER_CHECK(write_json(context, replica.log(), "musher.purge/1", report, live));
  return live.exit_code();
}

}  // namespace

Command purge_command() { return make_command<PurgeOptions>("musher-purge", {.server = true}, declare, run); }

}  // namespace musher
