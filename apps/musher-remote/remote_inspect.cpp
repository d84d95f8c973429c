// musher inspect --server: the views that a server answers.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "cli/commands/commands.hpp"
#include "cli/commands/inspect_options.hpp"
#include "cli/commands/inspect_text.hpp"
#include "cli/log_access.hpp"
#include "cli/pager.hpp"
#include "model/escape.hpp"
#include "musher-remote/remote_commands.hpp"
#include "musher-remote/server_link.hpp"
#include "musher-remote/views.hpp"

namespace musher {
namespace {

using mcp::JsonView;

struct Inspection {
  const InspectOptions& options;
  Context& context;
  mcp::Client& client;

  /// The arguments of a call, as JSON.
  [[nodiscard]] std::string arguments(const std::optional<std::string>& cursor) const {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    if (options.name) json.key("story_id").string(*options.name);
    if (options.at) json.key("at").string(*options.at);
    if (cursor) json.key("cursor").string(*cursor);
    json.end_object();
    json.end();
    return text;
  }

  /// Every page of a tool, in order.
  [[nodiscard]] Result<std::vector<mcp::ToolReply>> pages(std::string_view tool) const {
    std::vector<mcp::ToolReply> all;
    std::optional<std::string> cursor;
    do {
      MUSHER_TRY(mcp::ToolReply reply, client.call_tool(tool, arguments(cursor), http::Effect::reads));
      const auto next = reply.structured["next_cursor"].string();
      if (next && next == cursor) return fail(Errc::io, "the server gives the same page again", "see its log");
      cursor = next ? std::optional<std::string>(*next) : std::nullopt;
      all.push_back(std::move(reply));
    } while (cursor);
    return all;
  }

  void show(const std::string& text) const { page(context.terminal, context.environment, text); }
};

/// What all pages have in this list.
std::vector<JsonView> all_of(const std::vector<mcp::ToolReply>& pages, std::string_view list) {
  std::vector<JsonView> all;
  for (const mcp::ToolReply& reply : pages) {
    const auto items = reply.structured[list].items();
    all.insert(all.end(), items.begin(), items.end());
  }
  return all;
}

void write_list(JsonWriter& json, std::string_view name, const std::vector<JsonView>& elements) {
  json.key(name).begin_array();
  for (const JsonView& element : elements) json.verbatim(element.text());
  json.end_array();
}

/// The elements of all pages as one list under `name`, in a document like the local command's.
void print_list(Context& context, std::string_view schema, std::string_view name,
                const std::vector<mcp::ToolReply>& pages, const std::vector<JsonView>& elements, ExitCode code) {
  const JsonView last = pages.back().structured;
  JsonWriter json(context.terminal.out());
  begin_document(json, schema, last, code);
  if (last["at"].exists()) json.key("at").verbatim(last["at"].text());
  write_list(json, name, elements);
  write_list(json, "failures", all_of(pages, "failures"));
  json.end_object();
  json.end_line();
}

ExitCode health_code(const JsonView& document) {
  return document["health"].string() == "failed" ? ExitCode::no : ExitCode::ok;
}

Result<ExitCode> summary(const Inspection& inspection) {
  MUSHER_TRY(const mcp::ToolReply reply, inspection.client.call_tool("get_node", "{}", http::Effect::reads));
  const JsonView document = reply.structured;
  MUSHER_TRY(const JsonView log, member(document, "log"));
  const ExitCode code = health_code(document);
  if (wants_json(inspection.context)) {
    print_document(inspection.context, document, code);
    return code;
  }
  std::string text;
  const auto line = [&](std::string_view name, const JsonView& value) {
    const std::string shown = value.string() ? std::string(*value.string()) : value.text();
    if (value.exists()) text += fmt::format("{:<13} {}\n", name, escape(shown));
  };
  text += fmt::format("{:<13} {}\n", "server", escape(*inspection.context.settings.server));
  line("log", log["path"]);
  line("document", document["document"]);
  line("log id", log["id"]);
  line("format", log["format"]);
  line("ops", log["ops"]);
  line("identity", document["author"]);
  line("health", document["health"]);
  line("problem", document["problem"]);
  if (const auto muted = document["muted_ops"].integer().value_or(0); muted > 0) {
    text +=
        fmt::format("{:<13} {}\n", "muted",
                    escape(muted_text(static_cast<std::uint64_t>(muted), "there", log["path"].string().value_or(""))));
  }
  line("in memory", document["applied"]);
  inspection.show(text);
  return code;
}

/// Of a view that shows what the server had before its log turned bad. `node`: the answer of get_node.
ExitCode say_if_bad(const Inspection& inspection, const JsonView& node) {
  const ExitCode code = health_code(node);
  if (code != ExitCode::ok) {
    inspection.context.terminal.warn(
        fmt::format("this is from the server's memory, which does not follow its log any more: {}",
                    node["problem"].string().value_or("it does not say why")));
  }
  return code;
}

/// Memory alone answers, unless an earlier moment was asked for: the list itself does not tell that it is an old one.
Result<ExitCode> code_of_list(const Inspection& inspection) {
  if (inspection.options.at) return ExitCode::ok;
  MUSHER_TRY(const mcp::ToolReply node, inspection.client.call_tool("get_node", "{}", http::Effect::reads));
  return say_if_bad(inspection, node.structured);
}

Result<ExitCode> stories(const Inspection& inspection) {
  MUSHER_TRY(const auto pages, inspection.pages("get_pipeline_status"));
  MUSHER_TRY(const ExitCode code, code_of_list(inspection));
  std::map<std::string_view, std::vector<JsonView>> by_stage;
  for (const mcp::ToolReply& reply : pages) {
    for (const auto& [stage, members] : reply.structured["stages"].members()) {
      for (const JsonView& story : members.items()) by_stage[stage].push_back(story);
    }
  }
  std::vector<JsonView> all;
  for (const auto& [stage, members] : by_stage) all.insert(all.end(), members.begin(), members.end());
  if (wants_json(inspection.context)) {
    print_list(inspection.context, "musher.inspect-stories/1", "stories", pages, all, code);
    return code;
  }
  if (all.empty()) inspection.context.terminal.note("no stories in this log");
  std::vector<StoryView> views;
  for (const JsonView& story : all) views.push_back(story_view(story));
  inspection.show(stories_text(views, TrustPolicy(), inspection.context.terminal));
  return code;
}

/// The first page with the history of all: of each field the entries of a page come before those of the page before it.
std::string with_whole_history(const std::vector<mcp::ToolReply>& pages) {
  std::map<std::string_view, std::vector<JsonView>> history;
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) {
    for (const auto& [field, entries] : page->structured["history"].members()) {
      const auto items = entries.items();
      history[field].insert(history[field].end(), items.begin(), items.end());
    }
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const auto& [name, value] : pages.front().structured.members()) {
    if (name != "history" && name != "next_cursor" && name != "problem") json.key(name).verbatim(value.text());
  }
  const auto turned_bad = std::ranges::find_if(
      pages, [](const mcp::ToolReply& page) { return page.structured["problem"].string().has_value(); });
  if (turned_bad != pages.end()) json.key("problem").verbatim(turned_bad->structured["problem"].text());
  json.key("history").begin_object();
  for (const auto& [field, entries] : history) {
    json.key(field).begin_array();
    for (const JsonView& entry : entries) json.verbatim(entry.text());
    json.end_array();
  }
  json.end_object().end_object();
  json.end();
  return text;
}

Result<ExitCode> story(const Inspection& inspection) {
  MUSHER_TRY(auto pages, inspection.pages("get_story"));
  mcp::ToolReply reply = pages.front();
  MUSHER_CHECK(member(reply.structured, "story"));
  if (pages.size() > 1) {
    reply.document = mcp::JsonDocument::parse(with_whole_history(pages));
    reply.structured = reply.document->root();
  }
  const std::string_view problem = reply.structured["problem"].string().value_or("");
  const bool holds = reply.structured["failures"].items().empty();
  const ExitCode code = holds && problem.empty() ? ExitCode::ok : ExitCode::no;
  if (!holds) inspection.context.terminal.warn("rows of this story do not hold: musher verify-order there");
  if (wants_json(inspection.context))
    print_document(inspection.context, reply.structured, code);
  else
    inspection.show(story_text(story_report(reply.structured), inspection.context.terminal, problem));
  return code;
}

Result<ExitCode> ops(const Inspection& inspection) {
  MUSHER_TRY(const auto pages, inspection.pages("list_ops"));
  const std::vector<JsonView> all = all_of(pages, "ops");
  const bool holds = all_of(pages, "failures").empty();
  const ExitCode code = holds ? ExitCode::ok : ExitCode::no;
  if (!holds) inspection.context.terminal.warn("rows of this log do not hold: musher verify-order there");
  if (wants_json(inspection.context)) {
    print_list(inspection.context, "musher.inspect-ops/1", "ops", pages, all, code);
    return code;
  }
  std::vector<OpView> views;
  for (const JsonView& op : all) views.push_back(op_view(op));
  inspection.show(ops_text(views, inspection.context.terminal));
  return code;
}

Result<ExitCode> peers(const Inspection& inspection) {
  MUSHER_TRY(const mcp::ToolReply reply, inspection.client.call_tool("get_node", "{}", http::Effect::reads));
  MUSHER_TRY(const JsonView list, member(reply.structured, "peers"));
  const ExitCode code = say_if_bad(inspection, reply.structured);
  if (wants_json(inspection.context)) {
    JsonWriter json(inspection.context.terminal.out());
    begin_document(json, "musher.inspect-peers/1", reply.structured, code);
    json.key("peers").verbatim(list.text());
    json.end_object();
    json.end_line();
    return code;
  }
  std::vector<NamedPeer> named;
  for (const JsonView& peer : list.items()) named.push_back(named_peer(peer));
  if (named.empty()) inspection.context.terminal.note("no peers of this server");
  inspection.show(peers_text(named, inspection.context.terminal));
  return code;
}

struct View {
  std::string_view name;
  Result<ExitCode> (*show)(const Inspection&);
  bool takes_name = false;
  bool takes_at = false;
};
constexpr std::array kViews = {View{"summary", summary}, View{"stories", stories, false, true},
                               View{"story", story, true, true}, View{"ops", ops}, View{"peers", peers}};

Result<ExitCode> run(InspectOptions& options, Context& context) {
  const std::string name = options.view.value_or("summary");
  const auto view = std::ranges::find(kViews, name, &View::name);
  if (view == kViews.end()) {
    return fail(Errc::usage, fmt::format("a server does not answer the view {}: it needs the log's file", quote(name)),
                "summary, stories, story ID, ops or peers; where the log is: musher inspect --log FILE " + name);
  }
  if (view->takes_name != options.name.has_value()) {
    return fail(Errc::usage, fmt::format("inspect {} takes {}", name, view->takes_name ? "an id" : "no id"),
                fmt::format("musher inspect {}{} {}", name, view->takes_name ? " ID" : "", log_words(context)));
  }
  MUSHER_CHECK(refuse(options.at && !view->takes_at, "--at with " + name, "it answers that for stories and story ID"));
  MUSHER_CHECK(refuse(options.verify, "--verify", "use the tool verify_order, or musher verify-order there"));
  MUSHER_CHECK(refuse(options.copy, "--copy", "it reads the log's file"));
  MUSHER_CHECK(refuse(context.settings.output == Output::jsonl, "--jsonl", "use --json"));
  MUSHER_CHECK(refuse(context.settings.identity_is_given, "--identity", "the server has its own"));
  MUSHER_TRY(mcp::Client client, server_link(context));
  return view->show({options, context, client});
}

}  // namespace

Command remote_inspect_command() {
  Command command = make_command<InspectOptions>("musher-inspect", {.jsonl = true, .server = true}, declare, run);
  command.is_remote = true;
  return command;
}

}  // namespace musher
