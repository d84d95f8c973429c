#pragma once
// The tools that look: get_pipeline_status, list_agents, get_story, list_ops, get_node.

#include "mcp/server.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_read_tools(mcp::Server& server, Node& node);

}  // namespace musher
