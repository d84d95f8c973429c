#include "mcp/server.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"
#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

constexpr std::chrono::seconds kSweep{60};

bool is_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

// One line, since a probe may read a body line by line; the order of keys is kept.
Result<std::string> object_schema(std::string_view what, std::string_view text) {
  std::string why;
  const auto document = JsonDocument::parse(text, &why);
  if (document == nullptr) return fail(Errc::usage, fmt::format("{}: not JSON: {}", what, why));
  const JsonView schema = document->root();
  if (schema["type"].string() != "object" || !schema["properties"].is_object())
    return fail(Errc::usage, fmt::format("{}: its top has \"type\":\"object\" and \"properties\"", what));
  return schema.text();
}

std::string listed(const Tool& tool) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("name").string(tool.name);
  if (!tool.title.empty()) json.key("title").string(tool.title);
  json.key("description").string(tool.description).key("inputSchema").verbatim(tool.input_schema);
  if (!tool.output_schema.empty()) json.key("outputSchema").verbatim(tool.output_schema);
  json.key("annotations").begin_object().key("readOnlyHint").boolean(tool.annotations.read_only);
  json.key("destructiveHint").boolean(tool.annotations.destructive);
  json.key("idempotentHint").boolean(tool.annotations.idempotent);
  json.key("openWorldHint").boolean(tool.annotations.open_world).end_object().end_object().end();
  return text;
}

// Ends idle sessions for as long as the server is there.
void sweep(const std::weak_ptr<Core>& weak) {
  const auto core = weak.lock();
  if (core == nullptr || core->closing) return;
  core->sessions.expire(core->scheduler.now());
  core->sweep_timer = core->scheduler.after(kSweep, [weak] { sweep(weak); });
}

}  // namespace

Server::Server(ServerInfo info, Scheduler& scheduler, Limits limits)
    : core_(std::make_shared<Core>(std::move(info), scheduler, limits)) {
  core_->sweep_timer = scheduler.after(kSweep, [weak = std::weak_ptr(core_)] { sweep(weak); });
}

Server::~Server() { shut_down(); }

Result<void> Server::add(Tool tool) {
  const std::string what = fmt::format("registering the tool \"{}\"", tool.name);
  if (!is_name(tool.name)) return fail(Errc::usage, what + ": a name is 1 to 64 of [A-Za-z0-9_.-]");
  if (tool.description.empty()) return fail(Errc::usage, what + ": it has no description");
  MUSHER_TRY(tool.input_schema, object_schema(what + ": input schema", tool.input_schema));
  if (!tool.output_schema.empty()) {
    MUSHER_TRY(tool.output_schema, object_schema(what + ": output schema", tool.output_schema));
  }
  Schema schema(tool.input_schema);
  std::string text = listed(tool);
  const std::string name = tool.name;
  core_->tools[name] = std::make_shared<ToolEntry>(ToolEntry{std::move(tool), std::move(schema), std::move(text)});
  core_->memo.clear();
  tools_list_changed();
  return {};
}

Result<void> Server::add(Prompt prompt) {
  if (!is_name(prompt.name))
    return fail(Errc::usage,
                fmt::format("registering the prompt \"{}\": a name is 1 to 64 of [A-Za-z0-9_.-]", prompt.name));
  const std::string name = prompt.name;
  core_->prompts[name] = std::move(prompt);
  prompts_list_changed();
  return {};
}

Result<void> Server::add(Resource resource) {
  if (resource.info.uri.find(':') == std::string::npos || resource.info.name.empty())
    return fail(Errc::usage,
                fmt::format("registering the resource \"{}\": it needs a URI and a name", resource.info.uri));
  const std::string uri = resource.info.uri;
  core_->resources[uri] = std::move(resource);
  resources_list_changed();
  return {};
}

Result<void> Server::add(ResourceTemplate resource_template) {
  auto pattern = UriTemplate::parse(resource_template.info.uri);
  if (!pattern || resource_template.info.name.empty())
    return fail(Errc::usage,
                fmt::format("registering the resource template \"{}\": it needs a URI with {{variables}} apart "
                            "from each other, and a name",
                            resource_template.info.uri));
  const std::string uri = resource_template.info.uri;
  core_->templates.insert_or_assign(uri, Core::TemplateEntry{std::move(resource_template), *std::move(pattern)});
  return {};
}

void Server::set_lister(ResourceLister lister) { core_->lister = std::move(lister); }
void Server::complete_prompt(std::string prompt, Completer completer) {
  core_->prompt_completers[std::move(prompt)] = std::move(completer);
}
void Server::complete_resource(std::string uri_template, Completer completer) {
  core_->resource_completers[std::move(uri_template)] = std::move(completer);
}

void Server::on_refused(std::function<void(const http::Refused&)> callback) { core_->on_refused = std::move(callback); }

void Server::before_request(std::function<void()> callback) { core_->before_request = std::move(callback); }

void Server::changed() { core_->memo.clear(); }
void Server::resource_updated(std::string_view uri) { core_->publish(Change::one_resource, uri); }
void Server::resources_list_changed() { core_->publish(Change::resources); }
void Server::prompts_list_changed() { core_->publish(Change::prompts); }
void Server::tools_list_changed() {
  core_->forget_tool_lists();
  core_->publish(Change::tools);
}

void Server::drain() {
  if (std::exchange(core_->closing, true)) return;
  core_->scheduler.cancel(core_->sweep_timer);
  core_->subscriptions.end_all();
  core_->for_each_session([](Session& session) {
    leave_unanswered(session);
    if (const auto outlet = std::exchange(session.outlet, nullptr)) outlet->finish();
  });
}

void Server::shut_down() {
  drain();
  core_->end_calls();
  core_->for_each_session([](Session& session) { close_session(session); });
  core_->sessions.end_all();
}

Server::Counts Server::counts() const {
  return {.sessions = core_->sessions.size(),
          .listens = core_->subscriptions.size(),
          .memo_entries = core_->memo.entries(),
          .memo_hits = core_->memo.hits()};
}

}  // namespace musher::mcp
