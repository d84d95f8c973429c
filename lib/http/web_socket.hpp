#pragma once
// One WebSocket (RFC 6455) of binary messages, accepted by a server (Server::route_web_socket) or dialed
// (http/dial.hpp). Everything happens on the thread of its io_context; no call waits. Decision 0009 tells why so.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.hpp"
#include "http/transport.hpp"

namespace musher::http {

/// What one socket may take. A peer that passes a limit is closed with the code named.
struct WebSocketLimits {
  std::size_t message_bytes = 4U << 20U;  ///< of one message, decompressed: 1009
  /// Sent and not yet taken by the peer: with more, send() is false and the socket is closed with 1013.
  std::size_t queue_bytes = 8U << 20U;
  std::size_t low_water_bytes = 256U << 10U;  ///< on_drained, when the queue falls to it
  std::size_t controls = 64;                  ///< pings and pongs in one ping_interval: 1008
  std::chrono::milliseconds ping_interval{20'000};
  /// Nothing came although it was read for, or nothing of what is queued was taken: cut off, 1006.
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds message_timeout{60'000};    ///< from a message's first byte to its last: 1008
  std::chrono::milliseconds close_timeout{5'000};       ///< to send what is queued and to say goodbye
  std::chrono::milliseconds handshake_timeout{10'000};  ///< all of it: for a dial also name, connection and TLS
};

/// How a socket ended.
struct WebSocketClosed {
  /// RFC 6455, section 7.4. 1005: the peer gave none. 1006: the connection broke or was cut off; nobody said goodbye.
  std::uint16_t code = 1006;
  std::string reason{};  ///< well-formed UTF-8, at most 123 bytes; the peer's words when by_peer, else ours
  bool by_peer = false;  ///< the peer closed it, with this code; false: this end did, or with 1006 nobody
};

/// What is done with what comes. Called by the io_context, never from within a call on the socket.
class WebSocketUser {
 public:
  WebSocketUser() = default;
  WebSocketUser(const WebSocketUser&) = delete;
  WebSocketUser& operator=(const WebSocketUser&) = delete;
  virtual ~WebSocketUser() = default;

  /// A whole message, valid during the call. None after close(), nor while paused.
  virtual void on_message(std::string_view message) = 0;
  /// The send queue had more than low_water_bytes and no longer has.
  virtual void on_drained() = 0;
  /// Exactly once, and the last call. The socket lets go of its user then; a user that keeps the socket must let go of
  /// it too.
  virtual void on_closed(const WebSocketClosed& how) = 0;
};

class WebSocket {
 public:
  WebSocket() = default;
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;
  virtual ~WebSocket() = default;

  /// Begins to read, for this user. Once. From then on the socket lives until it is closed, whoever holds it; one that
  /// is let go of before is cut off.
  virtual void start(std::shared_ptr<WebSocketUser> user) = 0;

  /// Queues a binary message. False when the socket is closed or closing, or when the queue is full: then the peer is
  /// too slow and the socket closes.
  virtual bool send(std::string message) = 0;
  /// Given to send() and not yet taken by the kernel.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;

  /// No more on_message() until resume(); the peer comes to wait. Its pings are not answered either, so that it may
  /// give up after its own idle limit.
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Sends what is queued, then says goodbye; on_closed comes when the peer did too, or after close_timeout.
  /// @param reason UTF-8; what is over 123 bytes is cut off at a character.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// Of one that is closing: the peer's goodbye is waited for no longer, and what came of its last message let go of.
  virtual void end_closing() = 0;
  /// Messages may have so many bytes from the next one on, in place of WebSocketLimits::message_bytes. Of an open
  /// socket.
  virtual void allow(std::size_t message_bytes) = 0;

  [[nodiscard]] virtual const std::string& peer() const = 0;         ///< "127.0.0.1:40312"
  [[nodiscard]] virtual const std::string& subprotocol() const = 0;  ///< agreed on; empty when none was asked for
  /// Absent without TLS at this end, and once it is closed.
  [[nodiscard]] virtual std::optional<ChannelBinding> channel_binding() const = 0;
};

/// A path of a server that is a WebSocket.
struct WebSocketRoute {
  /// In order of preference. A client that offers none of them is answered 400 with their names. Empty: none is needed.
  std::vector<std::string> subprotocols{};
  bool writes = false;  ///< the peer's messages change something: a token that may only read is answered 403
  bool deflate = true;  ///< permessage-deflate (RFC 7692), where the client offers it
  WebSocketLimits limits{};
};

/// Called after the 101, once for each socket, with the request it began as. It, or someone it hands the socket to,
/// calls start().
using WebSocketHandler = std::function<void(const Request& request, std::shared_ptr<WebSocket> socket)>;

}  // namespace musher::http
