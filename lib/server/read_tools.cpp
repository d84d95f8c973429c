#include "server/read_tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "report/inspect_json.hpp"
#include "report/peers_json.hpp"
#include "server/ends_on_loop.hpp"
#include "server/log_documents.hpp"
#include "server/long_work.hpp"
#include "server/node_problem.hpp"
#include "server/story_page.hpp"
#include "server/tool_schemas.hpp"

namespace musher {
namespace {

using CallPtr = std::shared_ptr<mcp::Call>;

constexpr std::size_t kDefaultStories = 100;
constexpr std::size_t kDefaultAgentStories = 200;
constexpr std::size_t kDefaultOps = 50;
constexpr std::size_t kNamedStages = 10;
constexpr std::size_t kNodeHeads = 200;

/// For the line that a client shows: a list of stories does not look old.
std::string from_memory(std::string_view problem) {
  if (problem.empty()) return "";
  return fmt::format(" From memory alone, since this server does not follow its log any more: {}.", problem);
}

/// What get_pipeline_status is asked for.
struct StatusRequest {
  StoryFilter filter;
  PageRequest page;
};

StatusRequest status_request(const mcp::Call& call) {
  return {{text_argument(call, "stage"), text_argument(call, "agent"), call.arguments()["blocked"].boolean()},
          page_argument(call, kDefaultStories)};
}

Result<mcp::ToolResult> status_of(const std::vector<StoryView>& stories, const LogCard& card,
                                  const std::optional<ResolvedPoint>& at, const StatusRequest& request,
                                  std::string_view version, std::string_view problem) {
  MUSHER_TRY(const StoryPage page, page_of(stories, request.filter, request.page));
  CutDocument document{.json = status_json(page, card, at, problem)};
  for (const StoryView* story : page.stories) {
    if (is_cut(*story)) document.links.push_back(link_to_story(story->id));
  }
  const auto stages = by_stage(page);
  std::string summary = fmt::format("{} of {} stories", page.stories.size(), page.total);
  std::size_t named = 0;
  for (const auto& [stage, members] : stages) {
    if (named == kNamedStages) break;
    summary += fmt::format("{} {} in {}", named++ == 0 ? ":" : ",", members.size(), stage.empty() ? "no stage" : stage);
  }
  if (named < stages.size()) summary += fmt::format(" and more in {} other stages", stages.size() - named);
  return linked_result(version, fmt::format("{}.{} {}", summary, from_memory(problem), kDataNotice),
                       std::move(document));
}

std::unexpected<Error> damaged(const LogInfo& info, const RowFailure& first) {
  return fail(Errc::damaged, fmt::format("row {} of {} does not hold ({})", raw(first.row), info.path, first.reason),
              verify_hint(info.path));
}

/// Of an earlier moment memory has nothing: the log up to there is read again, off the server's thread.
void past_status(const CallPtr& call, Node& node) {
  if (const auto followed = follow_file(node); !followed) return call->finish(error_result(followed.error()));
  const auto point = node.parse_point(*text_argument(*call, "at"));
  if (!point) return call->finish(error_result(point.error()));
  run_long(node, call,
           [point = *point, request = status_request(*call), version = std::string(call->version())](
               SqliteOpLog& log, const auto& cancelled, const auto& progress) -> Result<mcp::ToolResult> {
             MUSHER_TRY(const ResolvedPoint at, resolve(log, point));
             MUSHER_TRY(const StoryList past, inspect_stories(log, at.row, &cancelled, progress));
             // A list that says nothing of the rows that are not in it.
             if (!past.failures.empty()) return damaged(log.info(), past.failures.front());
             MUSHER_TRY(const LogCard card, log_card(log));
             MUSHER_TRY(mcp::ToolResult result, status_of(past.stories, card, at, request, version, ""));
             result.may_keep = false;  // "two hours ago" is another moment each time
             return result;
           });
}

Result<mcp::ToolResult> pipeline_status(const mcp::Call& call, Node& node) {
  return status_of(node.live.stories(), node.live.card(), {}, status_request(call), call.version(),
                   node.live.problem());
}

Result<mcp::ToolResult> list_agents(const mcp::Call& call, Node& node) {
  MUSHER_TRY(const StoryPage page, page_with_agents(node.live.stories(), page_argument(call, kDefaultAgentStories)));
  std::map<std::string, std::vector<const StoryView*>> by_agent;
  for (const StoryView* story : page.stories) by_agent[agent_of(*story)].push_back(story);

  const LogCard card = node.live.card();
  std::string document = json_text([&](JsonWriter& json) {
    begin_result(json, "musher.agents/1", card, {}, page.next_cursor);
    json.key("agents").begin_array();
    for (const auto& [agent, stories] : by_agent) {
      json.begin_object();
      json.key("agent").string(agent);
      json.key("stories").begin_array();
      for (const StoryView* story : stories) json.string(story->id);
      json.end_array().end_object();
    }
    json.end_array();
    json.key("total").number(std::uint64_t{page.total});
    if (!node.live.problem().empty()) json.key("problem").string(node.live.problem());
    json.end_object();
    json.end_line();
  });
  return mcp::structured_result(
      fmt::format("{} of {} stories that have an agent; {} agent{}.{} {}", page.stories.size(), page.total,
                  by_agent.size(), by_agent.size() == 1 ? "" : "s", from_memory(node.live.problem()), kDataNotice),
      std::move(document));
}

/// Finishes with a page of the file and its summary, or the error.
Then<CutDocument> finish_with(const CallPtr& call, std::string summary) {
  return [call, summary = std::move(summary)](Result<CutDocument> document) {
    if (!document) return call->finish(error_result(document.error()));
    mcp::ToolResult result =
        linked_result(call->version(), fmt::format("{} {}", summary, kDataNotice), *std::move(document));
    // "two hours ago" is another moment each time.
    result.may_keep = !call->arguments()["at"].exists();
    call->finish(std::move(result));
  };
}

void get_story(const CallPtr& call, Node& node) {
  StoryQuery query{*text_argument(*call, "story_id"), {}, page_argument(*call, kHistoryEntries)};
  if (const auto text = text_argument(*call, "at")) {
    const auto point = node.parse_point(*text);
    if (!point) return call->finish(error_result(point.error()));
    query.at = *point;
  }
  story_page(node, call, query, finish_with(call, fmt::format("Story {} with who set which field.", query.id)));
}

Result<RowId> row_argument(const mcp::Call& call) {
  const auto cursor = text_argument(call, "cursor");
  const auto text = cursor && !cursor->empty() ? cursor : text_argument(call, "after");
  if (!text) return RowId{0};
  std::int64_t row = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), row);
  if (read.ec == std::errc{} && read.ptr == text->data() + text->size() && row >= 0) return RowId{row};
  return fail(Errc::usage, "after and cursor are row numbers in decimal", "leave both out to begin with the first op");
}

void list_ops(const CallPtr& call, Node& node) {
  OpQuery query;
  query.story = text_argument(*call, "story_id");
  query.author = text_argument(*call, "author");
  query.kind = text_argument(*call, "kind");
  query.limit = page_argument(*call, kDefaultOps).limit;
  const auto after = row_argument(*call);
  if (!after) return call->finish(error_result(after.error()));
  query.after = *after;
  ops_document(node, call, query, finish_with(call, fmt::format("Ops behind row {}, oldest first.", raw(query.after))));
}

std::string peers_text(const std::vector<sync::PeerStatus>& peers) {
  if (peers.empty()) return "";
  return fmt::format(" {} of {} peers connected.", std::ranges::count(peers, "connected", &sync::PeerStatus::state),
                     peers.size());
}

Result<mcp::ToolResult> get_node(const mcp::Call&, Node& node) {
  const LogCard card = node.live.card();
  const std::vector<sync::PeerStatus> peers = node.peers();
  const std::optional<NodeProblem> problem = problem_of(node);
  std::string document = json_text([&](JsonWriter& json) {
    begin_result(json, "musher.node/1", card);
    json.key("author");
    if (node.author.empty())
      json.null();
    else
      json.string(node.author);
    json.key("document").id(card.info.document);
    write_heads(json, card.heads, kNodeHeads);
    write_peers(json, peers, node.live.live().trust());
    json.key("health").string(to_string(node.live.health()));
    if (problem) json.key("problem").string(problem->what);
    json.key("applied").decimal(node.live.applied());
    json.key("muted_ops").number(node.live.muted());
    json.end_object();
    json.end_line();
  });
  return mcp::structured_result(
      fmt::format("{} ops in memory, health {}.{}{} {}", card.ops, to_string(node.live.health()),
                  problem ? fmt::format(" Problem: {}.", problem->what) : "", peers_text(peers), kDataNotice),
      std::move(document));
}

mcp::Tool tool(std::string name, std::string title, std::string description, std::string input, std::string output,
               std::function<void(const CallPtr&)> handler) {
  mcp::Tool made;
  made.name = std::move(name);
  made.title = std::move(title);
  made.description = std::move(description);
  made.input_schema = std::move(input);
  made.output_schema = std::move(output);
  made.annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false};
  made.memo = true;
  made.handler = std::move(handler);
  return made;
}

/// From memory, then and there.
std::function<void(const CallPtr&)> at_once(Node& node, Result<mcp::ToolResult> (*handler)(const mcp::Call&, Node&)) {
  return [&node, handler](const CallPtr& call) {
    auto result = handler(*call, node);
    call->finish(result ? *std::move(result) : error_result(result.error()));
  };
}

/// From the file, off the server's thread.
std::function<void(const CallPtr&)> read_behind(Node& node, void (*handler)(const CallPtr&, Node&)) {
  return [&node, handler](const CallPtr& call) { handler(ends_on_loop(node.post, call), node); };
}

}  // namespace

Result<void> add_read_tools(mcp::Server& server, Node& node) {
  mcp::Tool status = tool("get_pipeline_status", "Pipeline status",
                          "All stories of the pipeline by stage, each with its fields (name, agent, retry_count, "
                          "blocked, depends_on and so on). Filter by stage, agent or blocked; `at` shows an "
                          "earlier moment. Long answers come in pages: call again with next_cursor as cursor. "
                          "A long value is cut: `truncated` names it, and `resource` has it in full.",
                          pipeline_status_input(), pipeline_status_output(), at_once(node, pipeline_status));
  status.handler = [&node, now = std::move(status.handler)](const CallPtr& call) {
    if (call->arguments()["at"].exists())
      past_status(ends_on_loop(node.post, call), node);
    else
      now(call);
  };
  MUSHER_CHECK(server.add(std::move(status)));
  MUSHER_CHECK(
      server.add(tool("list_agents", "Agents",
                      "Which agent has which stories now, by the field agent of each. For what those stories "
                      "are: get_pipeline_status with agent. Long answers come in pages of `limit` stories, and "
                      "an agent may be on several: call again with next_cursor as cursor.",
                      list_agents_input(), list_agents_output(), at_once(node, list_agents))));
  MUSHER_CHECK(server.add(tool(
      "get_story", "One story",
      "One story with the history of each field: who wrote what and when, and which write won. Also of a purged story: "
      "by which op, whom, when and why. `at` shows it at an earlier moment. A long history comes in pages of `limit` "
      "entries, the newest first: call again with next_cursor as cursor. A long value is cut: `truncated` says so, and "
      "`resource` has it in full.",
      get_story_input(), get_story_output(), read_behind(node, get_story))));
  MUSHER_CHECK(server.add(tool(
      "list_ops", "Ops of the log",
      "Signed ops in the order this log admitted them, oldest first. Filter by story, author (name or key) or kind "
      "(insert, set, delete, erase); `after` is a row number. Call again with next_cursor as cursor for more. A long "
      "value is cut: `truncated` says so, and `resource` has it in full.",
      list_ops_input(), list_ops_output(), read_behind(node, list_ops))));
  mcp::Tool about = tool("get_node", "This node",
                         "Who signs here, which document and log this server holds, its heads, its health, and the "
                         "nodes it syncs with: state, ops they lack, last error.",
                         no_input(), get_node_output(), at_once(node, get_node));
  about.memo = false;  // peers come and go without an op
  return server.add(std::move(about));
}

}  // namespace musher
