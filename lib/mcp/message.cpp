#include "mcp/message.hpp"

#include <fmt/format.h>

#include "json/json_writer.hpp"
#include "model/escape.hpp"

namespace musher::mcp {
namespace {

std::unexpected<BadMessage> invalid(std::string why, std::string id) {
  return std::unexpected(
      BadMessage{{.code = code::kInvalidRequest, .message = std::move(why), .http_status = 400}, std::move(id)});
}

}  // namespace

std::string id_text(JsonView value) {
  switch (value.kind()) {
    case JsonView::Kind::string:
    case JsonView::Kind::integer: return value.text();
    default: return {};
  }
}

std::expected<Message, BadMessage> take_apart(const std::shared_ptr<const JsonDocument>& document, JsonView value) {
  constexpr std::size_t kMaxId = 1024;
  Message message;
  message.document = document;
  const JsonView id = value["id"];
  message.id = id_text(id);
  if (message.id.size() > kMaxId) return invalid("the id is longer than 1024 bytes", {});
  if (!value.is_object()) return invalid("a JSON-RPC message is an object", {});
  if (value["jsonrpc"].string() != "2.0") return invalid("\"jsonrpc\" is not \"2.0\"", message.id);
  if (id.exists() && message.id.empty()) return invalid("the id is neither a string nor an integer", {});

  const JsonView method = value["method"];
  message.params = value["params"];
  if (!method.exists()) {
    message.kind = Message::Kind::response;
    message.result = value["result"];
    if (message.id.empty() || message.result.exists() == value["error"].exists())
      return invalid("neither a request nor a response: there is no method, and not one of result and error",
                     message.id);
    return message;
  }
  if (!method.string()) return invalid("the method is not a string", message.id);
  if (message.params.exists() && !message.params.is_object()) return invalid("params is not an object", message.id);
  message.method = *method.string();
  message.kind = message.id.empty() ? Message::Kind::notification : Message::Kind::request;
  return message;
}

std::string response(std::string_view id, std::string_view result) {
  return response_start(id) + response_rest(result);
}

std::string response_start(std::string_view id) { return std::string(R"({"jsonrpc":"2.0","id":)").append(id); }

std::string response_rest(std::string_view result) {
  constexpr std::string_view kStart = R"(,"result":)";
  std::string text;
  text.reserve(kStart.size() + result.size() + 1);
  return text.append(kStart).append(result).append("}");
}

std::string error_response(std::string_view id, const RpcError& error) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("jsonrpc").string("2.0");
  if (!id.empty()) json.key("id").verbatim(id);
  json.key("error").begin_object().key("code").number(std::int64_t{error.code}).key("message");
  json.string(message_text(error.message));
  if (!error.data.empty()) json.key("data").verbatim(error.data);
  json.end_object().end_object().end();
  return text;
}

std::string notification(std::string_view method, std::string_view params) {
  return fmt::format(R"({{"jsonrpc":"2.0","method":"{}","params":{}}})", method, params);
}

std::string request(std::string_view id, std::string_view method, std::string_view params) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method, params);
}

}  // namespace musher::mcp
