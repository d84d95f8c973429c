#pragma once
// JSON-RPC 2.0: one message taken apart, and the messages this server sends.

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "mcp/json_view.hpp"
#include "mcp/protocol.hpp"

namespace musher::mcp {

/// A message as it came. The views live as long as document.
struct Message {
  enum class Kind { request, notification, response };
  std::shared_ptr<const JsonDocument> document;
  Kind kind = Kind::request;
  std::string id;  ///< JSON text, so that an answer has the same type: "7" or "\"7\""; empty in a notification
  std::string_view method;
  JsonView params;
  JsonView result;  ///< of a response; absent when it is an error
};

/// What is wrong with a message, and its id where that can be read.
struct BadMessage {
  RpcError error;
  std::string id{};
};

/// Takes one value of a document apart. The id is a string or an integer, never null.
[[nodiscard]] std::expected<Message, BadMessage> take_apart(const std::shared_ptr<const JsonDocument>& document,
                                                            JsonView value);

/// JSON text of an id or progress token: nothing unless it is a string or an integer.
[[nodiscard]] std::string id_text(JsonView value);

// Whole messages on one line. id, params, result: JSON text on one line.
[[nodiscard]] std::string response(std::string_view id, std::string_view result);
// The same in two pieces: the second does not know whom it answers.
[[nodiscard]] std::string response_start(std::string_view id);
[[nodiscard]] std::string response_rest(std::string_view result);
[[nodiscard]] std::string error_response(std::string_view id, const RpcError& error);  ///< no id: it has none
[[nodiscard]] std::string notification(std::string_view method, std::string_view params);
[[nodiscard]] std::string request(std::string_view id, std::string_view method, std::string_view params);

}  // namespace musher::mcp
