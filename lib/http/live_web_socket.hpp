#pragma once
// The WebSockets of this module, over Beast's stream.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server_url.hpp"
#include "http/transport.hpp"
#include "http/web_socket.hpp"
#include "model/result.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::http {

class LiveWebSocket : public WebSocket {
 public:
  /// Ends it at once, without a goodbye; on_closed comes later (1006). While its handshake goes on: nobody is told.
  virtual void cut(std::string_view why) = 0;
  /// Until when it waits for the peer's goodbye; absent when it is not closing.
  [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> closing_until() const = 0;
};

/// What a socket is made of.
struct WebSocketParts {
  std::unique_ptr<Transport> transport;  ///< connected, its TLS handshake done
  std::string peer;
  bool deflate = false;
  WebSocketLimits limits{};
  std::function<void()> on_gone{};  ///< once: the connection is closed, or the socket was destroyed
};

/// Answers a right upgrade request (http/upgrade.hpp) with 101. done is called after it, unless the connection breaks.
/// @param unread came after the request on the connection.
[[nodiscard]] std::shared_ptr<LiveWebSocket> accept_web_socket(boost::asio::io_context& io, WebSocketParts parts,
                                                               const Request& request, const std::string& subprotocol,
                                                               std::string_view unread,
                                                               std::function<void(std::shared_ptr<WebSocket>)> done);

/// What a client asks for.
struct WebSocketOffer {
  WebSocketUrl url;
  std::optional<std::string> token;
  std::vector<std::string> subprotocols;
};

/// Asks for an upgrade. done is called later, unless the socket is cut.
[[nodiscard]] std::shared_ptr<LiveWebSocket> offer_web_socket(
    boost::asio::io_context& io, WebSocketParts parts, const WebSocketOffer& offer,
    std::function<void(Result<std::shared_ptr<WebSocket>>)> done);

}  // namespace musher::http
