#pragma once
// From a request to a WebSocket: what RFC 6455 (section 4.2) asks of it, and what is answered where it is not right.

#include <expected>
#include <string>

#include "http/hub.hpp"

namespace musher::http {

struct UpgradeRefusal {
  BadRequest why;
  Response response;
};

/// The subprotocol that is agreed on, empty where none is needed; or why there is no WebSocket. The guards of every
/// request come before.
[[nodiscard]] std::expected<std::string, UpgradeRefusal> judge_upgrade(const Request& request, bool is_http_1_0,
                                                                       const WebSocketRoute& options);

/// Answers 101 and hands the socket to the target.
/// @param unread came after the request.
void begin_web_socket(const std::shared_ptr<Hub>& hub, std::shared_ptr<const WebSocketTarget> target, Request request,
                      std::optional<Digest> token, std::unique_ptr<Transport> transport, const std::string& subprotocol,
                      std::string_view unread);

}  // namespace musher::http
