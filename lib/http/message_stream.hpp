#pragma once
// Beast's websocket::stream, behind functions: frames, masks, fragments, deflate and both handshakes. What a socket
// does when, and for how long, is live_web_socket.cpp's.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/live_web_socket.hpp"
#include "http/wire.hpp"

namespace musher::http {

/// Held by one owner. An operation that waits inside when the owner lets go is forgotten: its done is not called, only
/// destroyed. Not to be let go of while the wire is at work (Wire::close).
class MessageStream {
 public:
  /// Bytes of a message, from its beginning to what came so far.
  struct Part {
    std::string_view bytes;  ///< until clear()
    bool is_whole = false;
    bool is_binary = true;
  };
  /// Why nothing more is read; absent when it is since this end said goodbye.
  using ReadEnd = std::optional<WebSocketClosed>;

  struct Settings {
    std::size_t message_bytes;
    bool deflate;
    std::function<void()> on_control;  ///< a ping or a pong came
  };

  [[nodiscard]] static std::shared_ptr<MessageStream> make(std::shared_ptr<Wire> wire, Settings settings);

  MessageStream() = default;
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;
  virtual ~MessageStream() = default;

  // First one of these, as in http/live_web_socket.hpp.
  virtual void accept(const Request& request, const std::string& subprotocol,
                      std::move_only_function<void(bool done)> done) = 0;
  /// Gives the subprotocol.
  virtual void offer(const WebSocketOffer& offer, std::move_only_function<void(Result<std::string>)> done) = 0;

  // Then each of these, one at a time of a kind.
  virtual void read(std::move_only_function<void(std::expected<Part, ReadEnd>)> done) = 0;
  /// For the messages behind the one that was read.
  virtual void allow(std::size_t message_bytes) = 0;
  /// The message that was read is of no more use.
  virtual void clear() = 0;
  /// The message stays where it is until done. False: the connection broke. When the peer said goodbye, or this end,
  /// done is not called: whoever reads, or said it, hears of that.
  virtual void write(std::string_view message, std::move_only_function<void(bool done)> done) = 0;
  /// As write().
  virtual void ping(std::move_only_function<void(bool done)> done) = 0;
  /// Says goodbye, and waits for the peer's. Once.
  virtual void close(const WebSocketClosed& how, std::move_only_function<void()> done) = 0;
};

}  // namespace musher::http
