#pragma once
// MCP over Streamable HTTP, both eras at one path. Who asks, Origin, Host and the sockets are the HTTP server's
// business.

#include "http/exchange.hpp"
#include "mcp/server.hpp"

namespace musher::mcp {

/// Answers POST, GET and DELETE of the MCP path. The server must outlive what it returns.
[[nodiscard]] http::Handler http_handler(Server& server);

}  // namespace musher::mcp
