#pragma once
// An HTTP/1.1 server on a caller's io_context. One thread runs the io_context; every call here is made on it, or before
// it runs. Decision 0006 tells why, and what is refused.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/exchange.hpp"
#include "http/options.hpp"
#include "http/web_socket.hpp"
#include "model/result.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::http {

/// An address that is listened on.
struct Endpoint {
  std::string address;  ///< "127.0.0.1", "::1"
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  ///< "127.0.0.1:7777", "[::1]:7777"
};

enum class Access : std::uint8_t {
  token,   ///< needs a token where the server has tokens
  anyone,  ///< never does: a probe of a process supervisor has none
};

struct Stats {
  std::size_t connections = 0;    ///< open now, WebSockets included
  std::size_t streams = 0;        ///< open now
  std::size_t web_sockets = 0;    ///< open now
  std::uint64_t accepted = 0;     ///< connections
  std::uint64_t requests = 0;     ///< that a handler saw
  std::uint64_t refused = 0;      ///< requests that no handler saw
  std::uint64_t dropped = 0;      ///< streams of readers that were too slow
  std::uint64_t turned_away = 0;  ///< connections over the limit
};

class Server {
 public:
  /// The io_context must outlive the server and every exchange it made.
  /// @errors usage: a TLS file cannot be used; what names it.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(boost::asio::io_context& io, Options options);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  ///< closes everything at once; on_gone is called for what was open, when the io_context still runs

  /// Requests for exactly this path, of any method, go to the handler. All other paths are 404. Replaces an earlier
  /// one.
  void route(std::string path, Handler handler, Access access = Access::token);

  /// A path that is a WebSocket. What holds for every request holds for its upgrade: Host, Origin, path and token are
  /// asked first. A GET that asks for no upgrade is answered 426.
  void route_web_socket(std::string path, WebSocketHandler handler, WebSocketRoute options = {});

  /// Listens on an address written in digits; port 0 picks one. May be called for several addresses.
  /// @errors usage: not such an address.  io: the port is taken or may not be used.
  [[nodiscard]] Result<Endpoint> listen(const std::string& address, std::uint16_t port);
  /// Takes over a listening TCP socket (inherited_sockets.hpp).
  /// @errors usage: it is not one; the descriptor is left alone.
  [[nodiscard]] Result<Endpoint> listen_inherited(int descriptor);

  /// From the next request on these names are allowed besides loopback's.
  void set_allowed_hosts(std::vector<std::string> names);
  /// From the next request on these tokens hold. A stream or WebSocket whose token is no longer among them is dropped,
  /// and a WebSocket that writes whose token may only read now.
  void set_tokens(std::optional<TokenTable> tokens);

  /// No new connections; those that are open go on.
  void stop_accepting();
  /// Stops accepting, closes idle connections and (1001) WebSockets, lets open requests and streams end until the
  /// deadline, closes the rest, and calls done once. Who owns streams finishes them.
  void drain(std::chrono::milliseconds deadline, std::function<void()> done);

  [[nodiscard]] const Stats& stats() const;

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace musher::http
