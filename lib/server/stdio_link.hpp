#pragma once
// An MCP client on this process's stdin and stdout, on an Asio io_context.

#include <functional>
#include <memory>

#include "http/exchange.hpp"
#include "mcp/server.hpp"

namespace boost::asio {
class io_context;
}

namespace musher {

class StdioLink {
 public:
  /// Reads and writes until stdin ends or the reader of stdout is gone; `ended` is called once then, what was answered
  /// having been written. The io_context and the server must outlive it.
  StdioLink(boost::asio::io_context& io, mcp::Server& server, http::Principal principal, std::function<void()> ended);
  ~StdioLink();
  StdioLink(const StdioLink&) = delete;
  StdioLink& operator=(const StdioLink&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace musher
