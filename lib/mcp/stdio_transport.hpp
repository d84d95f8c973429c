#pragma once
// MCP over stdin and stdout: one message a line, requests answered in any order, both eras in one connection.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.hpp"
#include "mcp/server.hpp"

namespace musher::mcp {

/// One connection. Bytes are given to it as they come; it hands whole lines out. On the server's thread.
class StdioTransport {
 public:
  /// Takes a line with its line feed; false when the reader is gone. The line is written in whole before the next.
  using WriteLine = std::function<bool(std::string_view line)>;

  /// The server must outlive it. principal: the login that started this process. on_ended is called once, when ended()
  /// becomes true, and not by the destructor. on_room is called when has_room() is true again, within what made it so:
  /// feed it later.
  StdioTransport(Server& server, http::Principal principal, WriteLine write_line,
                 std::function<void()> on_ended = nullptr, std::function<void()> on_room = nullptr);
  StdioTransport(const StdioTransport&) = delete;
  StdioTransport& operator=(const StdioTransport&) = delete;
  ~StdioTransport();

  /// Bytes of stdin, cut anywhere, while there is room. A line that is too long or not JSON is answered with an error.
  /// @return how many were taken: the rest is to be fed again when there is room.
  std::size_t feed(std::string_view bytes);
  /// Fewer calls are in flight than may be (Limits::in_flight). Also where none of them ends without what may stand
  /// behind in the input, an answer of the user's or a cancellation: then what is too many is refused.
  [[nodiscard]] bool has_room() const;
  /// No more comes, and a last line without a line feed counts: what is in flight is answered still, what only listens
  /// is ended, and what waits for the client's user is told that he did not answer.
  void end_of_input();
  /// The reader of stdout is gone: what is in flight is cancelled.
  void cut_off();
  /// All is answered after the end of input, or the reader is gone: the process is to exit.
  [[nodiscard]] bool ended() const;

 private:
  struct Connection;
  std::shared_ptr<Connection> connection_;
};

}  // namespace musher::mcp
