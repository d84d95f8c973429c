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
  /// becomes true, and not by the destructor.
  StdioTransport(Server& server, http::Principal principal, WriteLine write_line,
                 std::function<void()> on_ended = nullptr);
  StdioTransport(const StdioTransport&) = delete;
  StdioTransport& operator=(const StdioTransport&) = delete;
  ~StdioTransport();

  /// Bytes of stdin, cut anywhere. A line that is too long or not JSON is answered with an error.
  void feed(std::string_view bytes);
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
