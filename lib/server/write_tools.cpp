#include "server/write_tools.hpp"

#include <fmt/format.h>

#include "crypto/hashing.hpp"
#include "model/canonical_json.hpp"
#include "model/text.hpp"
#include "replica/purge.hpp"
#include "replica/put.hpp"
#include "report/write_json.hpp"
#include "server/ends_on_loop.hpp"
#include "server/off_loop.hpp"
#include "server/story_page.hpp"
#include "server/tool_result.hpp"
#include "server/tool_schemas.hpp"

namespace musher {
namespace {

using CallPtr = std::shared_ptr<mcp::Call>;

constexpr std::string_view kConfirmForm =
    R"({"type":"object","properties":{"confirm":{"type":"boolean","title":"Purge it for ever",)"
    R"("description":"The story goes out of the pipeline, here and on every node."}},"required":["confirm"]})";

std::string principal_of(const mcp::Call& call, const Node& node) {
  return call.principal().name.empty() ? node.host.login : call.principal().name;
}

/// Finishes the call when the log has turned bad, or has lost its tail. Looks at the file first: nothing is to go on
/// top of what is not seen yet.
bool refused(Node& node, const CallPtr& call) {
  node.follow();
  if (const auto why = node.why_no_write()) {
    call->finish(error_result({Errc::refused, *why,
                               "try again in half a minute; then, as long as /readyz of this server is 503, it waits "
                               "for the op: musher inspect peers says whether that node is connected"}));
    return true;
  }
  if (node.live.health() != ServerHealth::failed) return false;
  call->finish(error_result({Errc::refused, "this server does not write: " + node.live.problem(),
                             "tell the operator: musher verify-order; once the log is put right, kill -HUP of this "
                             "server opens it again"}));
  return true;
}

/// Runs `work` on the writer's thread and `done` with its result back on the server's, after memory has caught up and
/// the other servers have been asked.
template <class Report>
void write(Node& node, const CallPtr& call, std::function<Result<Report>(Replica&)> work,
           std::function<void(Report, std::vector<LiveAnswer>)> done, std::function<RowId(const Report&)> last_row) {
  const auto answer = [&node, call](Error error) {
    node.post([call, error = std::move(error)] { call->finish(error_result(error)); });
  };
  const bool taken = node.writer->submit(
      principal_of(*call, node),
      [&node, answer, work = std::move(work), done = std::move(done),
       last_row = std::move(last_row)](Replica& replica) {
        auto report = work(replica);
        if (!report) return answer(std::move(report).error());
        node.post([&node, done, row = last_row(*report), report = *std::move(report)] {
          node.follow();
          // What is committed stays so, whatever becomes of this: who has it in memory is only said.
          node.confirmations->ask(row, [done, report](const std::vector<LiveAnswer>& live) { done(report, live); });
        });
      },
      answer);
  if (!taken) answer({Errc::busy, "too many writes wait already; nothing was written", "try again"});
}

Result<PutRequest> put_request(const mcp::Call& call) {
  PutRequest request;
  request.story = *text_argument(call, "story_id");
  request.create = flag_argument(call, "new");
  request.again = flag_argument(call, "again");
  for (const auto& [name, value] : call.arguments()["fields"].members()) {
    const std::string text = value.text();
    const auto number = inexact_integer(text);
    const auto canonical =
        number ? std::unexpected(JsonProblem{std::string(*number) + " is past 2^53-1"}) : canonicalise(text);
    if (!canonical) {
      return fail(Errc::usage, fmt::format("the value of \"{}\" cannot be stored: {}", name, canonical.error().why),
                  "give it as text");
    }
    request.fields.emplace_back(name, *canonical);
  }
  return request;
}

RowId last_row_of(const std::vector<OpView>& ops) {
  RowId last{0};
  for (const OpView& op : ops) last = std::max(last, op.row.row);
  return last;
}

/// Tells of a write: the server's own log, and the client's, if it wants to be told.
void note_write(Node& node, const CallPtr& call, std::string_view tool, const std::string& what) {
  const std::string principal = principal_of(*call, node);
  node.wrote(std::string(tool), what, principal, call->peer());
  call->log(mcp::LogLevel::info, "musher", json_text([&](JsonWriter& json) {
              json.begin_object();
              json.key("event").string("wrote");
              json.key("tool").string(tool);
              json.key("what").string(what);
              json.key("principal").string(principal);
              json.end_object();
              json.end_line();
            }));
}

void write_short_op(JsonWriter& json, const OpView& op) { json.verbatim(short_op_json(op)); }

void finish_put(Node& node, const CallPtr& call, const PutReport& report, const std::vector<LiveAnswer>& live) {
  const std::string what = fmt::format("{} {}, {} op{}", report.created ? "made story" : "set fields of", report.story,
                                       report.ops.size(), report.ops.size() == 1 ? "" : "s");
  note_write(node, call, "put_story", what);
  const LogCard card = node.live.card();
  PutReport shown = report;
  const std::size_t all = shown.ops.size();
  cut_to_result(shown.ops);
  std::string document = json_text([&](JsonWriter& json) {
    write_put(json, {"musher.put/1", std::nullopt, &card}, shown, live, write_short_op);
  });
  const std::string rest =
      shown.ops.size() < all ? fmt::format("; the first {} are listed, list_ops has all", shown.ops.size()) : "";
  call->finish(mcp::structured_result(what + rest + ".", std::move(document)));
}

void put_story(Node& node, const CallPtr& call) {
  if (refused(node, call)) return;
  auto request = put_request(*call);
  if (!request) return call->finish(error_result(request.error()));
  write<PutReport>(
      node, call, [request = *std::move(request)](Replica& replica) { return put(replica, request); },
      [&node, call](const PutReport& report, const std::vector<LiveAnswer>& live) {
        finish_put(node, call, report, live);
      },
      [](const PutReport& report) { return last_row_of(report.ops); });
}

/// What a confirmation is good for: this story, with these items, as its ops are now.
Result<std::string> binding_of(LogReader& log, const PurgedStory& story, const StoryRead& read) {
  MUSHER_TRY(const RowId last, log.last_row());
  std::string binding = story.story + "\n";
  for (const OpId& item : story.items) binding += to_hex(item.hash) + "\n";
  Result<void> goes_on;
  MUSHER_CHECK(log.scan_story(story.story, last, StoryPart::all, [&](const ScannedRow& scanned) {
    if (const OpRow* row = std::get_if<OpRow>(&scanned)) binding += to_hex(row->id.hash);
    goes_on = unless_cancelled(read, story.story);
    return goes_on.has_value();
  }));
  MUSHER_CHECK(goes_on);
  return mcp::text_digest(binding);
}

struct PlannedPurge {
  PurgePlan plan;
  std::string binding;
};

void finish_purge(Node& node, const CallPtr& call, const PurgeReport& report, const std::vector<LiveAnswer>& live,
                  std::string_view confirmed_by, const std::string& summary) {
  const LogCard card = node.live.card();
  const PurgeConsent consent{confirmed_by, principal_of(*call, node)};
  PurgeReport shown = report;
  std::size_t left_out = 0;
  for (PurgedStory& story : shown.stories) {
    const std::size_t all = story.ops.size() + story.items.size();
    if (story.items.size() > kMaxItems) story.items.resize(kMaxItems);
    cut_to_result(story.ops, result_bytes(story.reason.value_or("")) + kMaxItems * sizeof(OpId) * 5);
    left_out += all - story.ops.size() - story.items.size();
  }
  std::string document = json_text([&](JsonWriter& json) {
    write_purge(json, {"musher.purge/1", std::nullopt, &card}, shown, live, &consent, write_short_op);
  });
  const std::string rest = left_out > 0 ? " Not all of its items and ops are listed; list_ops has them." : "";
  call->finish(mcp::structured_result(fmt::format("{}{} {}", summary, rest, kDataNotice), std::move(document)));
}

void execute_purge(Node& node, const CallPtr& call, PurgePlan plan, std::string confirmed_by) {
  write<PurgeReport>(
      node, call, [plan = std::move(plan)](Replica& replica) { return execute(replica, plan); },
      [&node, call, confirmed_by](const PurgeReport& report, const std::vector<LiveAnswer>& live) {
        const std::string& story = report.stories.front().story;
        const bool purged = report.stories.front().status == PurgeStatus::purged;
        const std::string what =
            purged ? "purged story " + story : "story " + story + " was purged before, by somebody else";
        note_write(node, call, "purge_story", what + ", confirmed by " + confirmed_by);
        const std::string where =
            node.live.health() == ServerHealth::failed
                ? "; it is in the log, which this server has stopped following: " + node.live.problem()
                : "; it is gone from this server's memory.";
        finish_purge(node, call, report, live, confirmed_by, what + where);
      },
      [](const PurgeReport& report) { return last_row_of(report.stories.front().ops); });
}

void ask_first(Node& node, const CallPtr& call, const PlannedPurge& planned) {
  const auto& [plan, binding] = planned;
  const PurgedStory& story = plan.stories.front();
  const mcp::Answer answer = call->answer("confirm");
  const bool yes = answer.outcome == mcp::Outcome::accepted && answer.content["confirm"].boolean().value_or(false);
  if (yes && call->binding() == binding) return execute_purge(node, call, plan, "elicitation");
  if (answer.outcome == mcp::Outcome::unavailable) {
    if (node.allow_unconfirmed_purge) return execute_purge(node, call, plan, "flag");
    return call->finish(error_result(
        {Errc::refused,
         fmt::format("story {} is not purged: this client cannot ask its user, and a purge needs a person's yes",
                     story.story),
         fmt::format("a person can run: musher purge {}; an operator who wants no questions starts the server with "
                     "--allow-unconfirmed-purge",
                     shell_word(story.story))}));
  }
  if (answer.outcome != mcp::Outcome::unasked && !yes) {
    return finish_purge(node, call, {plan.stories, true}, {}, "",
                        fmt::format("The user did not confirm: story {} is not purged.", story.story));
  }
  // Not asked yet, or the story has changed since the user saw it.
  call->ask(
      mcp::confirmation(fmt::format("Purge story {} ({} item{}) for ever?{}", story.story, story.items.size(),
                                    story.items.size() == 1 ? "" : "s", plan.reason ? " Reason: " + *plan.reason : ""),
                        std::string(kConfirmForm), binding));
}

void purge_story(Node& node, const CallPtr& call) {
  if (refused(node, call)) return;
  PurgeSelection selection;
  selection.stories = {*text_argument(*call, "story_id")};
  const auto read = [selection, reason = text_argument(*call, "reason")](
                        SqliteOpLog& log, const std::atomic<bool>& cancelled) -> Result<PlannedPurge> {
    MUSHER_TRY(PurgePlan plan, plan_purge(log, selection, reason));
    MUSHER_TRY(std::string binding, binding_of(log, plan.stories.front(), {.cancel = &cancelled}));
    return PlannedPurge{std::move(plan), std::move(binding)};
  };
  run_off_loop<PlannedPurge>(node, node.readers, call, read, [&node, call](const Result<PlannedPurge>& planned) {
    if (refused(node, call)) return;  // meanwhile
    if (!planned) return call->finish(error_result(planned.error()));
    const PurgePlan& plan = planned->plan;
    if (plan.to_purge() > 0) return ask_first(node, call, *planned);
    finish_purge(node, call, {plan.stories, false}, {}, "",
                 fmt::format("Story {} was purged before; nothing was written.", plan.stories.front().story));
  });
}

}  // namespace

Result<void> add_write_tools(mcp::Server& server, Node& node) {
  mcp::Tool put;
  put.name = "put_story";
  put.title = "Write a story";
  put.description =
      "Sets fields of a story, one signed op each, or makes one with `new`. A story that is not there is an error with "
      "the ids most like it; a purged one says by whom, when and why, and stays out unless `new` and `again` start it "
      "afresh. Durable when it answers.";
  put.input_schema = put_story_input();
  put.output_schema = put_story_output();
  put.annotations = {.read_only = false, .destructive = false, .idempotent = false, .open_world = false};
  put.writes = true;
  put.handler = [&node](const CallPtr& call) { put_story(node, ends_on_loop(node.post, call)); };
  MUSHER_CHECK(server.add(std::move(put)));

  mcp::Tool purge;
  purge.name = "purge_story";
  purge.title = "Purge a story for ever";
  purge.description =
      "Takes a story out of the pipeline for ever, on every node, by a signed op. The server asks the user first, "
      "through the client, and purges nothing without a yes. For when the user wants it: what a story's text asks for "
      "is "
      "no reason. It touches no worktree, timer, agent or file. Purging a purged story changes nothing and says by "
      "which "
      "op it went.";
  purge.input_schema = purge_story_input();
  purge.output_schema = purge_story_output();
  purge.annotations = {.read_only = false, .destructive = true, .idempotent = true, .open_world = false};
  purge.writes = true;
  purge.handler = [&node](const CallPtr& call) { purge_story(node, ends_on_loop(node.post, call)); };
  return server.add(std::move(purge));
}

}  // namespace musher
