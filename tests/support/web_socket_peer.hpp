#pragma once
// The other side of a WebSocket in tests: raw frames, right or wrong; and users that record what they were told.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/web_socket.hpp"
#include "support/raw_client.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::testing {

enum class Opcode : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct FrameOptions {
  bool fin = true;
  bool masked = true;
  unsigned reserved = 0;  ///< the three bits
};
[[nodiscard]] std::string frame(Opcode opcode, std::string_view payload, FrameOptions options = {});
/// The beginning of a masked frame, whose key is "abcd", with this first byte and a length of eight bytes.
[[nodiscard]] std::string length_header(unsigned first, std::uint64_t length);
/// As permessage-deflate has it: without the four bytes of the last flush. Goes in a frame with `reserved` 4.
[[nodiscard]] std::string deflated(const std::string& text);
/// The header line of an upgrade.
constexpr const char* kOffersDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
/// The two bytes of a code, and a reason.
[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason = "");

/// A right upgrade request, with these header lines added.
[[nodiscard]] std::string upgrade_request(const std::string& path, const std::string& headers = "");
/// Sec-WebSocket-Accept for a key.
[[nodiscard]] std::string accept_of(const std::string& key);
/// A right answer to a client's request.
[[nodiscard]] std::string upgrade_answer(const std::string& request, const std::string& headers = "");

struct Frame {
  Opcode opcode{};
  bool fin = false;
  unsigned reserved = 0;
  std::string payload;
  [[nodiscard]] std::uint16_t code() const;  ///< of a close frame; 0 without one
};
/// The next frame, unmasked; nothing when the connection ends before it, or patience does.
[[nodiscard]] std::optional<Frame> read_frame(RawClient& client, std::chrono::milliseconds patience = kPatience);
/// The code of the close frame that comes, whatever else comes before it; 0 when there is none.
[[nodiscard]] std::uint16_t read_close_code(RawClient& client);

/// What a socket's user was told. Its calls come on the loop's thread; a test looks on from its own.
class Recorder final : public http::WebSocketUser {
 public:
  explicit Recorder(std::shared_ptr<http::WebSocket> socket, bool echo = false)
      : socket_(std::move(socket)), echo_(echo) {}

  void on_message(std::string_view message) override;
  void on_drained() override { ++drained; }
  void on_closed(const http::WebSocketClosed& how) override;

  [[nodiscard]] std::vector<std::string> messages() const;
  [[nodiscard]] std::size_t count() const { return count_; }
  /// How it ended. Waits for it.
  [[nodiscard]] http::WebSocketClosed closed() const;
  [[nodiscard]] int closes() const { return closes_; }
  /// On the loop's thread; null once closed.
  [[nodiscard]] const std::shared_ptr<http::WebSocket>& socket() const { return socket_; }

  std::atomic<int> drained = 0;
  std::atomic<bool> keep = true;  ///< messages; else they are only counted
  std::function<void(std::string_view)> also{};

 private:
  std::shared_ptr<http::WebSocket> socket_;
  const bool echo_;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
  std::optional<http::WebSocketClosed> closed_;
  std::atomic<std::size_t> count_ = 0;
  std::atomic<int> closes_ = 0;
};

/// An io_context in a thread of its own.
class Loop {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();  ///< stops it, whatever is under way
  [[nodiscard]] boost::asio::io_context& io();
  /// Calls on its thread and waits for it.
  void call(const std::function<void()>& body);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::thread thread_;
};

/// A port on which a server answers as a test says: called with each connection's request, in a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(RawClient& client, const std::string& request)>;
  explicit ScriptedServer(Script script);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace musher::testing
