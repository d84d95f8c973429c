#pragma once
// A server with WebSockets, and what it knows of them.

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"
#include "support/web_socket_peer.hpp"

namespace musher::testing {

inline const std::string kToken = "0123456789abcdef0123456789abcdef";

/// A message of this many bytes, of all values.
[[nodiscard]] inline std::string bytes_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 256);
  return out;
}

/// A server with an echo at /ws, and what it knows of its sockets.
class Echo {
 public:
  explicit Echo(http::WebSocketRoute route = {}, http::Options options = {}, bool echo = true)
      : server_(std::move(options), [this, route = std::move(route), echo](http::Server& http) {
          http.route_web_socket(
              "/ws",
              [this, echo](const http::Request& request, const std::shared_ptr<http::WebSocket>& socket) {
                auto recorder = std::make_shared<Recorder>(socket, echo);
                socket->start(recorder);
                const std::lock_guard lock(mutex_);
                recorders_.push_back(std::move(recorder));
                principals_.push_back(request.principal.name);
              },
              route);
        }) {}

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] HttpServer& server() { return server_; }
  [[nodiscard]] std::size_t opened() const {
    const std::lock_guard lock(mutex_);
    return recorders_.size();
  }
  /// The nth that was opened; waits for it.
  [[nodiscard]] std::shared_ptr<Recorder> recorder(std::size_t n = 0) {
    REQUIRE(wait_until([&] { return opened() > n; }));
    const std::lock_guard lock(mutex_);
    return recorders_[n];
  }
  [[nodiscard]] std::string principal(std::size_t n = 0) {
    static_cast<void>(recorder(n));
    const std::lock_guard lock(mutex_);
    return principals_[n];
  }
  /// A connection with its upgrade behind it.
  [[nodiscard]] RawClient connect(const std::string& headers = "", int receive_buffer = 0) {
    RawClient client(port(), receive_buffer);
    client.send(upgrade_request("/ws", headers));
    const auto answer = client.read_head();
    REQUIRE(answer);
    REQUIRE(answer->status == 101);
    return client;
  }
  void on_socket(const std::shared_ptr<Recorder>& recorder, const std::function<void(http::WebSocket&)>& body) {
    server_.call([&](http::Server&) {
      REQUIRE(recorder->socket());
      body(*recorder->socket());
    });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Recorder>> recorders_;
  std::vector<std::string> principals_;
  HttpServer server_;
};

}  // namespace musher::testing
