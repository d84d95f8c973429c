// musher purge --server: what would go is shown with get_story and confirmed here; then purge_story, whose question is
// answered for what was confirmed.

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "cli/commands/commands.hpp"
#include "cli/commands/purge_confirmation.hpp"
#include "cli/commands/write_text.hpp"
#include "cli/log_access.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "musher-remote/remote_commands.hpp"
#include "musher-remote/server_link.hpp"
#include "musher-remote/views.hpp"
#include "replica/removal.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

using mcp::JsonView;

std::string arguments_of(const std::string& story, const std::optional<std::string>& reason) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("story_id").string(story);
  if (reason) json.key("reason").string(*reason);
  json.end_object();
  json.end();
  return text;
}

Result<void> check_remote(const PurgeOptions& options, const Context& context) {
  constexpr std::string_view kNamed = "a server purges stories by their ids";
  MUSHER_CHECK(refuse(options.list, "--list", "it reads the log's file"));
  MUSHER_CHECK(refuse(options.selection.stage.has_value(), "--stage", kNamed));
  MUSHER_CHECK(refuse(options.older_than.has_value(), "--older-than", kNamed));
  MUSHER_CHECK(refuse(options.wait.wait.has_value(), "--wait", "the server itself waits for the others"));
  MUSHER_CHECK(
      refuse(context.settings.identity_is_given, "--identity", "the server signs, and names you as the actor"));
  const auto& stories = options.selection.stories;
  if (stories.empty()) return fail(Errc::usage, "no story is named", "musher purge --server URL STORY...");
  std::set<std::string_view> seen;
  for (const std::string& story : stories) {
    if (!seen.insert(story).second) return fail(Errc::usage, fmt::format("the story {} is named twice", quote(story)));
  }
  return {};
}

/// What the server's document says of a removal.
PurgedStory already_purged(std::string story, std::vector<OpView> ops) {
  PurgedStory purged{std::move(story), PurgeStatus::already_purged, {}, std::move(ops), {}, {}, {}};
  if (purged.ops.empty()) return purged;
  const OpRow& first = purged.ops.front().row;
  purged.by = first.op.op.author;
  purged.time_ms = first.op.op.time_ms;
  purged.reason = reason_of(first);
  return purged;
}

/// What the purge would do, and the log that says so.
struct RemotePlan {
  PurgePlan plan;
  std::optional<mcp::ToolReply> last;
};

Result<RemotePlan> plan_of(mcp::Client& client, const PurgeOptions& options) {
  RemotePlan made{{options.selection, {}, options.reason}, {}};
  for (const std::string& story : options.selection.stories) {
    MUSHER_TRY(made.last, client.call_tool("get_story", arguments_of(story, {}), http::Effect::reads));
    MUSHER_CHECK(member(made.last->structured, "story"));
    const StoryReport report = story_report(made.last->structured);
    if (report.removal && !report.live) {
      made.plan.stories.push_back(already_purged(story, {*report.removal}));
      made.plan.stories.back().items = report.story.items;
    } else {
      made.plan.stories.push_back({story, PurgeStatus::would_purge, report.story.items, {}, {}, {}, {}});
    }
  }
  return made;
}

/// One story through purge_story. The server asks about what it is to purge: yes once, and only for what was confirmed.
Result<mcp::ToolReply> purge_one(mcp::Client& client, const PurgedStory& story,
                                 const std::optional<std::string>& reason) {
  int asked = 0;
  const bool confirmed = story.status == PurgeStatus::would_purge;
  MUSHER_TRY(mcp::ToolReply reply,
             client.call_tool("purge_story", arguments_of(story.story, reason), http::Effect::writes,
                              [&](std::string_view) { return confirmed && ++asked == 1; }));
  MUSHER_TRY(const JsonView dry_run, member(reply.structured, "dry_run"));
  if (!dry_run.boolean().value_or(false)) return reply;
  return fail(Errc::refused, fmt::format("{} has changed since it was shown: it is not purged", quote(story.story)),
              "look at it and run it again: musher inspect story " + shell_word(story.story));
}

PurgedStory purged_story(const JsonView& story) {
  std::vector<OpView> ops = op_views(story["ops"]);
  const std::string id(story["story_id"].string().value_or(""));
  for (OpView& op : ops) op.row.op.op.name = id;
  PurgedStory purged = already_purged(id, std::move(ops));
  if (story["status"].string() == "purged") purged.status = PurgeStatus::purged;
  return purged;
}

/// The documents of several calls as one: each story, and what is the same of all from the last.
void print_documents(Context& context, const std::vector<mcp::ToolReply>& replies, ExitCode code) {
  const JsonView last = replies.back().structured;
  JsonWriter json(context.terminal.out());
  begin_document(json, last["schema"].string().value_or(""), last, code);
  for (const auto& [name, value] : last.members()) {
    if (name == "schema" || name == "log") continue;
    json.key(name);
    if (name != "stories") {
      json.verbatim(value.text());
      continue;
    }
    json.begin_array();
    for (const mcp::ToolReply& reply : replies) {
      for (const JsonView& story : reply.structured["stories"].items()) json.verbatim(story.text());
    }
    json.end_array();
  }
  json.end_object();
  json.end_line();
}

void print_plan(Context& context, const RemotePlan& remote) {
  JsonWriter json(context.terminal.out());
  begin_document(json, "musher.purge/1", remote.last->structured, ExitCode::ok);
  write_purge_members(json, {remote.plan.stories, true}, {}, nullptr);
  json.end_object();
  json.end_line();
}

Result<ExitCode> run(PurgeOptions& options, Context& context) {
  MUSHER_CHECK(check_remote(options, context));
  MUSHER_TRY(mcp::Client client, server_link(context));
  MUSHER_TRY(const RemotePlan remote, plan_of(client, options));
  MUSHER_CHECK(check_options(options, remote.plan));
  if (options.dry_run) {
    if (wants_json(context))
      print_plan(context, remote);
    else
      show_purges({remote.plan.stories, true}, context);
    return ExitCode::ok;
  }
  MUSHER_CHECK(confirm(options, remote.plan, context));
  std::vector<mcp::ToolReply> replies;
  PurgeReport report;
  LiveConfirmation live;
  std::vector<OpView> ops;
  for (const PurgedStory& planned : remote.plan.stories) {
    auto reply = purge_one(client, planned, options.reason);
    if (!reply) {
      Error error = std::move(reply).error();
      if (!ops.empty()) error.what += "; before it, this was purged and stays so: " + op_list(ops);
      return std::unexpected(std::move(error));
    }
    for (const JsonView& story : reply->structured["stories"].items()) {
      report.stories.push_back(purged_story(story));
      if (report.stories.back().status != PurgeStatus::purged) continue;
      ops.insert(ops.end(), report.stories.back().ops.begin(), report.stories.back().ops.end());
      context.terminal.wrote(op_list(report.stories.back().ops));
    }
    const auto answers = live_answers(reply->structured["live"]);
    live.answers.insert(live.answers.end(), answers.begin(), answers.end());
    replies.push_back(*std::move(reply));
  }
  if (!wants_json(context)) show_purges(report, context);
  tell_live(context, live, ops, false);
  if (wants_json(context)) print_documents(context, replies, live.exit_code());
  return live.exit_code();
}

}  // namespace

Command remote_purge_command() {
  Command command = make_command<PurgeOptions>("musher-purge", {.server = true}, declare, run);
  command.is_remote = true;
  return command;
}

}  // namespace musher
