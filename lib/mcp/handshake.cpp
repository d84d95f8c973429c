// How a client meets the server: server/discover and subscriptions/listen, initialize and what belongs to a session.

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"
#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

RpcError invalid(std::string why) { return {.code = code::kInvalidParams, .message = std::move(why)}; }

}  // namespace

void Core::discover(Context context) {
  std::string members = fmt::format(R"("supportedVersions":["{}"],"capabilities":{})", kModernVersion, capabilities());
  if (!info.instructions.empty()) members += fmt::format(R"(,"instructions":{})", json_string(info.instructions));
  respond(context, complete(Era::modern, members, CacheHint{limits.list_ttl}));
}

std::expected<Core::Handshake, RpcError> Core::initialize(const Message& message,
                                                          const http::Principal& principal) const {
  const JsonView params = message.params;
  const auto asked = params["protocolVersion"].string();
  if (!asked) return std::unexpected(invalid("initialize needs a protocolVersion"));
  if (!params["capabilities"].is_object()) return std::unexpected(invalid("initialize needs capabilities, an object"));
  const auto known = std::ranges::find(kLegacyVersions, *asked);
  const std::string_view version = known == kLegacyVersions.end() ? kLegacyVersions.front() : *known;

  Handshake made;
  made.session.version = version;
  made.session.principal = principal.name;
  made.session.abilities = Abilities::of(params["capabilities"]);
  JsonWriter json(made.result);
  json.begin_object().key("protocolVersion").string(version).key("capabilities").verbatim(capabilities());
  json.key("serverInfo").verbatim(server_info());
  if (!info.instructions.empty()) json.key("instructions").string(info.instructions);
  json.end_object().end();
  return made;
}

void Core::notified(const Message& message, InFlight* in_flight) {
  if (message.method != "notifications/cancelled" || in_flight == nullptr) return;
  in_flight->cancel(id_text(message.params["requestId"]));
}

void Core::answered(const Message& message, Session& session) {
  const auto found = session.questions.find(message.id);
  if (found == session.questions.end()) return;
  const auto take = std::move(found->second);
  session.questions.erase(found);
  take(message);
}

void Core::ping(Context context) { respond(context, "{}"); }

void Core::set_level(Context context) {
  const auto level = context.message.params["level"].string();
  const auto found = std::ranges::find(kLogLevels, level.value_or(""));
  if (found == kLogLevels.end())
    return refuse(context,
                  invalid("logging/setLevel needs a level: debug, info, notice, warning, error, critical, alert or "
                          "emergency"));
  context.session->log_level = static_cast<LogLevel>(found - kLogLevels.begin());
  respond(context, "{}");
}

void Core::listen(Context context) {
  const JsonView wanted = context.message.params["notifications"];
  if (!wanted.is_object()) return refuse(context, invalid("subscriptions/listen needs notifications, an object"));
  const auto uris = wanted["resourceSubscriptions"].items();
  if (uris.size() > limits.subscriptions)
    return refuse(context, invalid(fmt::format("at most {} resourceSubscriptions", limits.subscriptions)));
  if (!context.reply->can_send())
    return refuse(context, {.code = code::kInvalidRequest,
                            .message = "subscriptions/listen answers with text/event-stream, which Accept leaves out",
                            .http_status = 406});
  if (subscriptions.size() >= limits.listens)
    return refuse(context,
                  {.message = fmt::format("there are {} subscriptions, the most there may be", limits.listens)});

  Listen listen{.id = context.message.id, .reply = context.reply, .on_stdio = context.in_flight != nullptr};
  listen.tools = !tools.empty() && wanted["toolsListChanged"].boolean() == true;
  listen.prompts = !prompts.empty() && wanted["promptsListChanged"].boolean() == true;
  const bool has_resources = serves("resources/read");
  listen.resources = has_resources && wanted["resourcesListChanged"].boolean() == true;
  for (const JsonView uri : uris) {
    if (!uri.string()) return refuse(context, invalid("a resourceSubscription is not a string"));
    if (has_resources) listen.uris.emplace(*uri.string());
  }

  std::string honoured;
  JsonWriter json(honoured);
  json.begin_object();
  if (listen.tools) json.key("toolsListChanged").boolean(true);
  if (listen.prompts) json.key("promptsListChanged").boolean(true);
  if (listen.resources) json.key("resourcesListChanged").boolean(true);
  if (!listen.uris.empty()) {
    json.key("resourceSubscriptions").begin_array();
    for (const std::string& uri : listen.uris) json.string(uri);
    json.end_array();
  }
  json.end_object().end();
  const bool nothing = !listen.tools && !listen.prompts && !listen.resources && listen.uris.empty();
  listen.end_result = fmt::format(R"({{"resultType":"complete","_meta":{{"{}":{},"{}":{}}}}})", meta::kSubscriptionId,
                                  listen.id, meta::kServerInfo, server_info());
  context.reply->send(notification("notifications/subscriptions/acknowledged",
                                   listen.tagged(fmt::format(R"("notifications":{},)", honoured))));
  if (nothing) return respond(context, listen.end_result);

  const std::weak_ptr<Core> weak = weak_from_this();
  const std::string id = context.message.id;
  const auto key = subscriptions.add(std::move(listen));
  const auto end = [weak, key] {
    if (const auto core = weak.lock()) core->subscriptions.remove(key);
  };
  context.reply->on_gone(end);
  const auto finish = [weak, key] {
    if (const auto core = weak.lock()) core->subscriptions.end(key);
  };
  if (context.in_flight != nullptr && !context.in_flight->add(id, end, limits.in_flight, finish)) {
    subscriptions.remove(key);
    refuse(context, {.code = code::kInvalidRequest,
                     .message = fmt::format("a request with the id {} is being answered already", id)});
  }
}

}  // namespace musher::mcp
