#pragma once
// The tools that write: put_story and purge_story. Each runs on the writer's thread, through the function that the
// command line calls.

#include "mcp/server.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server; node.writer is there. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_write_tools(mcp::Server& server, Node& node);

}  // namespace musher
