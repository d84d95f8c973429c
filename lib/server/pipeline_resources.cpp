#include "server/pipeline_resources.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "server/ends_on_loop.hpp"
#include "server/log_documents.hpp"
#include "server/story_page.hpp"

namespace musher {
namespace {

using CallPtr = std::shared_ptr<mcp::Call>;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPipeline = "musher://pipeline";
constexpr std::string_view kTail = "musher://log/tail";
constexpr std::string_view kFindings = "musher://findings";
constexpr std::int64_t kTailRows = 50;
constexpr std::size_t kListed = 100;

/// A resource has no summary to say it.
std::string with_notice(const std::string& document) {
  return fmt::format(R"({{"notice":"{}",{})", kDataNotice, document.substr(1));
}

void give(const CallPtr& call, const Result<std::string>& document) {
  if (!document) {
    const Errc code = document.error().code;
    if (code == Errc::not_found || code == Errc::usage || code == Errc::ambiguous) return call->not_found();
    return call->fail({mcp::code::kInternalError, fmt::format("{} {}", document.error().what, kDataNotice)});
  }
  call->finish(mcp::ResourceResult().text(call->target(), kJson, with_notice(*document)));
}

Result<std::string> pipeline_document(Node& node) {
  MUSHER_TRY(const StoryPage page, page_of(node.live.stories(), {}, {.limit = kListed}));
  return status_json(page, node.live.card(), std::nullopt, node.live.problem());
}

void tail_document(Node& node, const CallPtr& call, const Then<std::string>& done) {
  OpQuery query;
  query.after = RowId{std::max<std::int64_t>(0, raw(node.live.applied()) - kTailRows)};
  query.limit = static_cast<std::size_t>(kTailRows);
  ops_document(node, call, query, [done](Result<CutDocument> document) { done(json_of(std::move(document))); });
}

Result<std::string> findings_document(const Node& node) {
  if (node.last_audit) return node.last_audit->document;
  return json_text([&](JsonWriter& json) {
    json.begin_object();
    json.key("verdict").string("incomplete");
    json.key("message").string("the first audit since this server started is not done yet");
    json.end_object();
    json.end_line();
  });
}

/// Gives the call's document to `done`, on the server's thread.
using Document = std::function<void(const CallPtr& call, const Then<std::string>& done)>;

Document at_once(std::function<Result<std::string>()> document) {
  return [document = std::move(document)](const CallPtr&, const Then<std::string>& done) { done(document()); };
}

std::function<void(const CallPtr&)> handler(const Node& node, Document document) {
  return [&node, document = std::move(document)](const CallPtr& made_here) {
    const CallPtr call = ends_on_loop(node.post, made_here);
    document(call, [call](const Result<std::string>& read) { give(call, read); });
  };
}

mcp::Resource resource(const Node& node, std::string_view uri, std::string name, std::string description,
                       Document document) {
  mcp::Resource made;
  made.info.uri = uri;
  made.info.name = std::move(name);
  made.info.description = std::move(description);
  made.info.mime_type = kJson;
  made.handler = handler(node, std::move(document));
  return made;
}

/// Of each id: what stands for {id} in the URI.
mcp::ResourceTemplate resource_template(Node& node, std::string_view uri, std::string name, std::string description,
                                        void (*document)(Node&, const CallPtr&, const std::string&,
                                                         Then<std::string>)) {
  mcp::ResourceTemplate made;
  made.info.uri = uri;
  made.info.name = std::move(name);
  made.info.description = std::move(description);
  made.info.mime_type = kJson;
  made.handler = handler(node, [&node, document](const CallPtr& call, const Then<std::string>& done) {
    document(node, call, std::string(call->variable("id")), done);
  });
  return made;
}

Result<mcp::ResourcePage> list_stories(Node& node, const std::optional<std::string>& cursor) {
  MUSHER_TRY(const StoryPage page, page_of(node.live.stories(), {}, {.limit = kListed, .cursor = cursor}));
  mcp::ResourcePage listed;
  listed.next_cursor = page.next_cursor;
  for (const StoryView* story : page.stories) {
    mcp::ResourceInfo info;
    info.uri = story_uri(story->id);
    info.name = story->id;
    info.mime_type = kJson;
    listed.items.push_back(std::move(info));
  }
  return listed;
}

/// The values that begin with what was typed, each once, sorted.
mcp::CompletionValues matching(std::vector<std::string> values, std::string_view typed) {
  constexpr std::size_t kLongest = 200;  // nobody types more than this
  std::erase_if(values, [&](const std::string& value) { return value.size() > kLongest || !value.starts_with(typed); });
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
  mcp::CompletionValues found;
  found.total = values.size();
  found.values = std::move(values);
  return found;
}

mcp::CompletionValues complete(Node& node, const mcp::CompletionRequest& request) {
  std::vector<std::string> values;
  for (const StoryView& story : node.live.stories()) {
    if (request.argument == "id" || request.argument == "story_id") {
      values.push_back(story.id);
    } else if (request.argument == "stage") {
      if (auto stage = text_field(story, "stage")) values.push_back(*std::move(stage));
    } else if (request.argument == "field") {
      for (const FieldState& field : story.fields) values.push_back(field.name);
    }
  }
  return matching(std::move(values), request.value);
}

std::string argument(const mcp::Call& call, std::string_view name) {
  return std::string(call.arguments()[name].string().value_or(""));
}

void why_back(const CallPtr& call, const Result<CutDocument>& document) {
  if (!document) return call->fail({mcp::code::kInvalidParams, document.error().what});
  const std::string id = argument(*call, "story_id");
  const std::string field = argument(*call, "field");
  mcp::PromptResult prompt;
  prompt.description = "Finds out why a story keeps coming back";
  prompt.add(
      "user",
      mcp::Content().text(fmt::format(
          "Story {} keeps coming back, or does not keep what was written{}. Below is its history from the op log. Find "
          "out why: is there a purge, and does a later insert descend from it or not? Which node or actor writes it "
          "again? Is a write muted, or lost to a higher seq? Say which op, row, author and time, and what to run next "
          "(musher purge, musher trust revoke). {}",
          id, field.empty() ? "" : " in field " + field, kDataNotice)));
  prompt.add("user", mcp::Content().resource(story_uri(id), kJson, document->json));
  call->finish(prompt);
}

void audit_prompt(const CallPtr& call) {
  mcp::PromptResult prompt;
  prompt.description = "Audits the op log";
  prompt.add(
      "user",
      mcp::Content().text(
          "Audit this op log. Call verify_order, and replay_at with compare seq and with compare live. For each "
          "finding "
          "say what it means, which rows and authors it concerns, whether data was lost, and what the operator should "
          "run. State what was checked and what was not."));
  call->finish(prompt);
}

void triage(Node& node, const CallPtr& call) {
  const std::string stage = argument(*call, "stage");
  mcp::PromptResult prompt;
  prompt.description = "Looks through one stage of the pipeline";
  const auto page = page_of(node.live.stories(), {.stage = stage}, {.limit = kListed});
  if (!page) return call->fail({mcp::code::kInvalidParams, page.error().what});
  std::string stories;
  for (const StoryView* story : page->stories) stories += short_story_json(*story) + "\n";
  prompt.add("user",
             mcp::Content().text(fmt::format(
                 "Look through the {} stories in stage {} below: which are blocked, retried often or old? Say what "
                 "an operator should do with each. {}\n{}",
                 page->total, stage, kDataNotice, stories)));
  call->finish(prompt);
}

}  // namespace

Result<void> add_resources(mcp::Server& server, Node& node) {
  MUSHER_CHECK(server.add(resource(node, kPipeline, "The pipeline",
                                   "The stories with their fields by stage, in list order, the first 100",
                                   at_once([&node] { return pipeline_document(node); }))));
  MUSHER_CHECK(server.add(
      resource(node, kTail, "The op log's tail", "The last 50 ops, oldest first",
               [&node](const CallPtr& call, const Then<std::string>& done) { tail_document(node, call, done); })));
  MUSHER_CHECK(server.add(resource(node, kFindings, "Findings", "What the last audit of the whole log found",
                                   at_once([&node] { return findings_document(node); }))));
  MUSHER_CHECK(server.add(resource_template(node, "musher://story/{id}", "One story",
                                            "One story with the history of each field", story_document)));
  MUSHER_CHECK(
      server.add(resource_template(node, "musher://op/{id}", "One op",
                                   "One signed op with its value in full; id: 6 or more hex digits", op_document)));
  server.set_lister(
      [&node](const std::optional<std::string>& cursor, const http::Principal&) { return list_stories(node, cursor); });
  server.complete_resource("musher://story/{id}",
                           [&node](const mcp::CompletionRequest& request) { return complete(node, request); });
  return {};
}

Result<void> add_prompts(mcp::Server& server, Node& node) {
  const auto completer = [&node](const mcp::CompletionRequest& request) { return complete(node, request); };
  mcp::Prompt why;
  why.name = "why-does-this-story-keep-coming-back";
  why.title = "Why does this story keep coming back?";
  why.description = "Reads a story's ops and asks for the cause: who writes it again, and what would end it";
  why.arguments = {{"story_id", "the story", true}, {"field", "the field that does not keep its value", false}};
  why.handler = [&node](const CallPtr& made_here) {
    const CallPtr call = ends_on_loop(node.post, made_here);
    story_page(node, call, {argument(*call, "story_id"), {}, {.limit = kHistoryEntries}},
               [call](const Result<CutDocument>& document) { why_back(call, document); });
  };
  MUSHER_CHECK(server.add(why));
  server.complete_prompt(why.name, completer);

  mcp::Prompt audit;
  audit.name = "audit-this-log";
  audit.title = "Audit this log";
  audit.description = "Runs every check, and asks for the meaning of each finding";
  audit.handler = [](const CallPtr& call) { audit_prompt(call); };
  MUSHER_CHECK(server.add(audit));

  mcp::Prompt stage;
  stage.name = "triage-a-stage";
  stage.title = "Triage a stage";
  stage.description = "Lists the stories of one stage and asks what to do with each";
  stage.arguments = {{"stage", "the stage, such as 2_current", true}};
  stage.handler = [&node](const CallPtr& call) { triage(node, call); };
  MUSHER_CHECK(server.add(stage));
  server.complete_prompt(stage.name, completer);
  return {};
}

void announce(mcp::Server& server, const LogChanges& changes) {
  if (!changes.any()) return;
  server.changed();
  for (const std::string& story : changes.stories) server.resource_updated(story_uri(story));
  server.resource_updated(kPipeline);
  server.resource_updated(kTail);
  if (changes.stories_came_or_went()) server.resources_list_changed();
}

}  // namespace musher
