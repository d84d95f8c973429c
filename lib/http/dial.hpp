#pragma once
// Dialing a WebSocket: name, connection, TLS, upgrade, all on the caller's io_context and within one time limit.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/server_url.hpp"
#include "http/web_socket.hpp"
#include "model/result.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::http {

struct DialOptions {
  std::optional<std::string> token{};       ///< Authorization: Bearer
  std::vector<std::string> subprotocols{};  ///< the server must choose one; empty: none is asked for
  bool deflate = false;                     ///< offer permessage-deflate (RFC 7692)
  WebSocketLimits limits{};
};

/// A dial under way. Letting go of it cancels it.
class Dial {
 public:
  Dial() = default;
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  virtual ~Dial() = default;

  /// The callback is not called any more.
  virtual void cancel() = 0;
};

/// Called once, never from within dial_web_socket(), with a socket that waits for its start(). May let go of the Dial.
using DialDone = std::function<void(Result<std::shared_ptr<WebSocket>>)>;

/// The name is looked up anew in each call. The server's certificate is verified against the authorities of
/// http/authorities.hpp, and its name against the URL's.
/// @errors usage: the authorities cannot be read.  io: no such name, no connection, no valid certificate, or it broke.
/// refused: the server answered, but with
///   another status than 101 (what has it, and what to do or the first line of its body), or chose no subprotocol of
///   ours. busy: the time limit.
[[nodiscard]] std::unique_ptr<Dial> dial_web_socket(boost::asio::io_context& io, const WebSocketUrl& url,
                                                    DialOptions options, DialDone done);

}  // namespace musher::http
