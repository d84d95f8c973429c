#include "mcp/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "json/json_writer.hpp"

namespace musher::mcp {

Core::Core(ServerInfo server, Scheduler& clock, Limits bounds)
    : info(std::move(server)),
      scheduler(clock),
      limits(bounds),
      states(bounds.answer_time, bounds.used_answers),
      memo(bounds.memo_bytes),
      sessions(bounds.sessions, bounds.session_idle),
      no_arguments_(JsonDocument::parse("{}")) {}

struct Core::MethodEntry {
  std::string_view name;
  bool modern;
  bool legacy;
  Method method;
  /// Whether the server has what the method is about.
  bool (*served)(const Core&);
};

const Core::MethodEntry* Core::find_method(std::string_view name) {
  constexpr auto always = [](const Core&) { return true; };
  constexpr auto has_tools = [](const Core& core) { return !core.tools.empty(); };
  constexpr auto has_prompts = [](const Core& core) { return !core.prompts.empty(); };
  constexpr auto has_resources = [](const Core& core) {
    return !core.resources.empty() || !core.templates.empty() || core.lister != nullptr;
  };
  constexpr auto has_completers = [](const Core& core) {
    return !core.prompt_completers.empty() || !core.resource_completers.empty();
  };
  constexpr auto has_logging = [](const Core& core) { return core.info.logging; };
  static const std::vector<MethodEntry> methods{
      {"tools/call", true, true, &Core::call_tool, has_tools},
      {"tools/list", true, true, &Core::list_tools, has_tools},
      {"resources/read", true, true, &Core::read_resource, has_resources},
      {"resources/list", true, true, &Core::list_resources, has_resources},
      {"resources/templates/list", true, true, &Core::list_templates, has_resources},
      {"prompts/get", true, true, &Core::get_prompt, has_prompts},
      {"prompts/list", true, true, &Core::list_prompts, has_prompts},
      {"completion/complete", true, true, &Core::complete_argument, has_completers},
      {"server/discover", true, false, &Core::discover, always},
      {"subscriptions/listen", true, false, &Core::listen, always},
      {"ping", false, true, &Core::ping, always},
      {"logging/setLevel", false, true, &Core::set_level, has_logging},
      {"resources/subscribe", false, true, &Core::subscribe, has_resources},
      {"resources/unsubscribe", false, true, &Core::unsubscribe, has_resources},
  };
  const auto found = std::ranges::find(methods, name, &MethodEntry::name);
  return found == methods.end() ? nullptr : &*found;
}

bool Core::serves(std::string_view method) const { return find_method(method)->served(*this); }

void Core::dispatch(Context context) {
  before_request();
  const MethodEntry* const entry = find_method(context.message.method);
  const bool known = entry != nullptr && (context.era == Era::modern ? entry->modern : entry->legacy);
  if (!known || !entry->served(*this)) {
    return refuse(context, {.code = code::kMethodNotFound,
                            .message = fmt::format("method not found: {}", context.message.method),
                            .http_status = 404});
  }
  if (closing) return refuse(context, {.message = "the server is shutting down", .http_status = 503});
  (this->*entry->method)(std::move(context));
}

void Core::respond(const Context& context, std::string_view result) const {
  context.reply->respond(response(context.message.id, result), 200);
}

void Core::refuse(const Context& context, RpcError error) const {
  context.reply->respond(error_response(context.message.id, error),
                         context.era == Era::modern ? error.http_status : 200);
}

std::string Core::server_info() const {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("name").string(info.name);
  if (!info.title.empty()) json.key("title").string(info.title);
  json.key("version").string(info.version).end_object().end();
  return text;
}

std::string Core::capabilities() const {
  constexpr std::string_view kListed = R"({"listChanged":true})";
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  if (serves("completion/complete")) json.key("completions").verbatim("{}");
  if (info.logging) json.key("logging").verbatim("{}");
  if (!prompts.empty()) json.key("prompts").verbatim(kListed);
  if (serves("resources/read")) json.key("resources").verbatim(R"({"subscribe":true,"listChanged":true})");
  if (!tools.empty()) json.key("tools").verbatim(kListed);
  json.end_object().end();
  return text;
}

std::string Core::complete(Era era, std::string_view members, std::optional<CacheHint> cache) const {
  const bool modern = era == Era::modern;
  const std::string hint =
      modern && cache ? fmt::format(R"(,"ttlMs":{},"cacheScope":"private")", cache->ttl.count()) : std::string();
  const std::string_view start = !modern           ? "{"
                                 : members.empty() ? R"({"resultType":"complete")"
                                                   : R"({"resultType":"complete",)";
  const std::string end = modern ? fmt::format(R"(,"_meta":{{"{}":{}}}}})", meta::kServerInfo, server_info()) : "}";
  std::string result;  // members may be long: they are copied once
  result.reserve(start.size() + members.size() + hint.size() + end.size());
  return result.append(start).append(members).append(hint).append(end);
}

void Core::publish(Change change, std::string_view uri) {
  subscriptions.publish(change, uri);
  const std::string params =
      change == Change::one_resource ? fmt::format(R"({{"uri":{}}})", json_string(uri)) : std::string("{}");
  const std::string message = notification(notification_of(change), params);
  const auto tell = [&](Session& session) {
    if (session.outlet == nullptr || (change == Change::one_resource && !session.subscriptions.contains(uri))) return;
    if (!session.outlet->send(message)) session.outlet = nullptr;
  };
  std::erase_if(stdio_sessions, [](const auto& session) { return session.expired(); });
  for_each_session(tell);
}

void Core::for_each_session(const std::function<void(Session&)>& function) const {
  sessions.for_each(function);
  for (const auto& weak : stdio_sessions) {
    if (const auto session = weak.lock()) function(*session);
  }
}

void Core::run(const std::shared_ptr<Call>& call) {
  try {
    call->target_.handler(call);
  } catch (const std::exception& problem) {
    call->fail({.message = fmt::format("internal error: {}", problem.what())});
  }
}

void Core::end_calls() {
  std::vector<std::shared_ptr<Call>> open;
  for (Call* const call : calls) open.push_back(call->shared_from_this());
  for (const auto& call : open) {
    if (call->state_ == Call::State::open) call->shut_down();
  }
}

void Core::begin(Context context, Call::Target target) {
  const auto call = std::make_shared<Call>(shared_from_this(), std::move(context), std::move(target));
  calls.insert(call.get());
  const Context& kept = call->context_;
  const std::weak_ptr<Call> weak = call;
  const auto cancel = [weak] {
    if (const auto cancelled = weak.lock()) cancelled->cancel();
  };
  if (kept.in_flight != nullptr && !kept.in_flight->add(kept.message.id, cancel, limits.in_flight)) {
    call->context_.in_flight = nullptr;  // the place under this id is another's
    return call->fail({.code = code::kInvalidRequest,
                       .message = fmt::format("a request with the id {} is being answered already, or {} others are",
                                              kept.message.id, limits.in_flight)});
  }
  if (kept.era == Era::modern) {
    kept.reply->on_gone(cancel);
    if (auto refused = take_answers(kept, *call)) return call->fail(*std::move(refused));
  }
  run(call);
}

std::optional<RpcError> Core::take_answers(const Context& context, Call& call) {
  const auto refused = [](std::string why) {
    return RpcError{.code = code::kInvalidParams, .message = std::move(why)};
  };
  const JsonView sent = context.message.params["inputResponses"];
  const JsonView state = context.message.params["requestState"];
  if (sent.exists() && !sent.is_object()) return refused("inputResponses is not an object");
  if (!state.exists()) return std::nullopt;
  if (!state.string()) return refused("requestState is not a string");
  auto opened = states.open(*state.string(), call.scope(), scheduler.now());
  if (!opened) return refused(std::move(opened).error());

  Answers answers{.by_key = {}, .documents = {context.message.document}};
  for (const Question& question : opened->questions) {
    Answer answer{Outcome::unavailable};
    if (context.abilities.has(question.kind)) answer = judge(question.kind, question.schema, sent[question.key]);
    if (answer.outcome == Outcome::unasked) return std::nullopt;  // the handler asks again
    answers.by_key.emplace_back(question.key, answer);
  }
  if (!states.use(opened->nonce, scheduler.now()))
    return refused("requestState refused: it was answered already; make the call again");
  call.answers_ = std::move(answers);
  call.binding_ = std::move(opened->binding);
  return std::nullopt;
}

}  // namespace musher::mcp
