#pragma once
// An MCP client on two descriptors, this process's stdin and stdout, on an Asio io_context.

#include <functional>
#include <memory>
#include <string_view>

#include "http/exchange.hpp"
#include "mcp/server.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::mcp {

class StdioLink {
 public:
  /// Reads and writes from now on. `closing` is called once, when the input has ended or the reader of the output is
  /// gone, and says which: then the owner drains it. The io_context and the server must outlive it; the program ignores
  /// SIGPIPE.
  StdioLink(boost::asio::io_context& io, Server& server, http::Principal principal, int in, int out,
            std::function<void(std::string_view why)> closing);
  ~StdioLink();  ///< cancels what is in flight
  StdioLink(const StdioLink&) = delete;
  StdioLink& operator=(const StdioLink&) = delete;

  /// As at the end of input, which it may be: reads no more, and calls `done` once when what was asked is answered and
  /// written, or nobody is there to read it. Who cannot wait for that destroys it.
  void drain(std::function<void()> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace musher::mcp
