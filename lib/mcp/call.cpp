#include "mcp/call.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"
#include "mcp/core.hpp"
#include "model/canonical_json.hpp"

namespace musher::mcp {

Call::Call(std::shared_ptr<Core> core, Context context, Target target)
    : core_(std::move(core)),
      context_(std::move(context)),
      target_(std::move(target)),
      progress_token_(id_text(context_.message.params["_meta"]["progressToken"])) {}

Call::~Call() { fail({.message = "internal error: the call ended without an answer"}); }

std::string_view Call::variable(std::string_view name) const {
  const auto found =
      std::ranges::find(target_.variables, name, [](const auto& entry) -> std::string_view { return entry.first; });
  return found == target_.variables.end() ? std::string_view() : found->second;
}

AskScope Call::scope() const {
  const std::string arguments = target_.arguments.exists() ? target_.arguments.text() : "{}";
  return {.principal = context_.principal.name,
          .method = std::string(context_.message.method),
          .target = target_.name,
          .arguments = canonicalise(arguments).value_or(arguments)};
}

void Call::progress(double done, std::optional<double> total, std::string_view message) {
  if (state_ != State::open || progress_token_.empty() || (progress_ && done <= *progress_)) return;
  progress_ = done;
  std::string params;
  JsonWriter json(params);
  json.begin_object().key("progressToken").verbatim(progress_token_).key("progress").number(done);
  if (total) json.key("total").number(*total);
  if (!message.empty()) json.key("message").string(message);
  json.end_object().end();
  context_.reply->send(notification("notifications/progress", params));
}

void Call::log(LogLevel level, std::string_view logger, std::string_view data) {
  if (state_ != State::open || !context_.log_level || level < *context_.log_level) return;
  std::string params;
  JsonWriter json(params);
  json.begin_object().key("level").string(kLogLevels[static_cast<std::size_t>(level)]);
  json.key("logger").string(logger).key("data").verbatim(data).end_object().end();
  context_.reply->send(notification("notifications/message", params));
}

void Call::on_cancel(std::function<void()> callback) {
  if (state_ == State::cancelled) return callback();
  on_cancel_ = std::move(callback);
}

void Call::end(State state) {
  state_ = state;
  core_->calls.erase(this);
  if (context_.in_flight != nullptr) context_.in_flight->remove(context_.message.id);
  if (const auto drop = std::exchange(drop_questions_, nullptr)) drop();
}

void Call::cancel() {
  if (state_ != State::open) return;
  const auto alive = shared_from_this();
  end(State::cancelled);
  context_.reply->drop();
  if (const auto callback = std::exchange(on_cancel_, nullptr)) callback();
}

void Call::shut_down() {
  const auto alive = shared_from_this();
  end(State::cancelled);
  context_.reply->respond(
      error_response(context_.message.id, {.message = "the server is shutting down; what was begun may still be done"}),
      503);
  if (const auto callback = std::exchange(on_cancel_, nullptr)) callback();
}

void Call::respond(std::string message, unsigned http_status) {
  if (state_ != State::open) return;
  end(State::answered);
  on_cancel_ = nullptr;
  context_.reply->respond(std::move(message), http_status);
}

void Call::finish(ToolResult result) {
  if (target_.on_tool_result == nullptr)
    return fail({.message = "internal error: a tool's result for another request"});
  if (state_ != State::open) return;
  const auto rest = target_.on_tool_result(result);
  end(State::answered);
  on_cancel_ = nullptr;
  context_.reply->respond_shared(response_start(context_.message.id), rest);
}

void Call::finish(const PromptResult& result) {
  std::string members;
  if (!result.description.empty()) members = fmt::format(R"("description":{},)", json_string(result.description));
  members += fmt::format(R"("messages":[{}])", result.messages);
  respond(response(context_.message.id, core_->complete(context_.era, members)), 200);
}

void Call::finish(const ResourceResult& result) {
  const std::string members = fmt::format(R"("contents":[{}])", result.contents);
  respond(response(context_.message.id, core_->complete(context_.era, members, CacheHint{})), 200);
}

void Call::not_found() {
  fail({.code = context_.era == Era::modern ? code::kInvalidParams : code::kLegacyResourceNotFound,
        .message = fmt::format("resource not found: {}", target_.name),
        .data = fmt::format(R"({{"uri":{}}})", json_string(target_.name))});
}

void Call::fail(RpcError error) {
  if (state_ != State::open) return;
  respond(error_response(context_.message.id, error), context_.era == Era::modern ? error.http_status : 200);
}

void Call::fail_without(Ability ability) {
  const std::string why = fmt::format("this needs a client that declares the capability {}", name_of(ability));
  if (context_.era == Era::legacy) return fail({.code = code::kInvalidRequest, .message = why});
  fail({.code = code::kMissingCapability,
        .message = why,
        .data = fmt::format(R"({{"requiredCapabilities":{{"{}":{{}}}}}})", name_of(ability)),
        .http_status = 400});
}

Answer Call::unbound_answer(std::string_view key, Ability kind) const {
  return judge(kind, {}, context_.message.params["inputResponses"][key]);
}

}  // namespace musher::mcp
