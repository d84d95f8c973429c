#pragma once
// What all connections of a server share. One thread: nothing here is locked.

#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "http/options.hpp"
#include "http/request_parser.hpp"
#include "http/server.hpp"

namespace musher::http {

class Connection;
class LiveWebSocket;

/// What a path that is a WebSocket has instead of a handler.
struct WebSocketTarget {
  WebSocketHandler handler;
  WebSocketRoute options;
};

struct Route {
  Handler handler;
  Access access = Access::token;
  std::shared_ptr<const WebSocketTarget> web_socket{};
};

struct Hub {
  // fixed after construction
  Options options;
  boost::asio::io_context* io = nullptr;
  /// Runs something later, outside of whatever is going on.
  std::function<void(std::function<void()>)> post;

  // changes as the server runs
  std::map<std::string, Route, std::less<>> routes{};
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections{};
  struct Opened {
    std::string source;             ///< source_of() its peer
    std::optional<Digest> token{};  ///< that it came with
    bool writes = false;            ///< its route does
  };
  std::unordered_map<LiveWebSocket*, Opened> web_sockets{};
  std::function<void()> on_empty{};  ///< the last connection or WebSocket went
  bool draining = false;
  Stats stats{};

  /// The Date header of this second.
  [[nodiscard]] std::string_view date();
  void count_refusal(const BadRequest& why, std::string_view peer, std::string_view principal = {});
  [[nodiscard]] std::size_t open() const { return connections.size() + web_sockets.size(); }
  void add(std::shared_ptr<Connection> connection);
  void add(LiveWebSocket& socket, Opened opened);
  void forget(Connection& connection);
  void forget(LiveWebSocket& socket);
  /// Connections and WebSockets of one source.
  [[nodiscard]] std::size_t held_by(const std::string& source) const;

 private:
  void count_open();
  void give_back(const std::string& source);

  std::unordered_map<std::string, std::size_t> held_;
  std::time_t date_second_ = -1;
  std::string date_;
};

/// What the parser knows of a request whose headers are complete.
struct HeadFacts {
  int hosts = 0;  ///< Host fields
  bool has_body = false;
};

/// The guards, in their order: Host, Origin, route, token, or that there is no body where nobody is asked for one.
/// Fills in the request's principal and, where the token said who it is, its digest.
/// @param route set when nothing is refused.
[[nodiscard]] std::optional<BadRequest> refusal_of(const Hub& hub, HeadFacts head, Request& request,
                                                   std::optional<Digest>& token, const Route*& route);

}  // namespace musher::http
