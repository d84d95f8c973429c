#pragma once
// The tools that read the whole log: replay_at and verify_order. Each runs on a worker's thread with a connection of
// its own, tells how far it is, and ends when the client goes.

#include "mcp/server.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_audit_tools(mcp::Server& server, Node& node);

/// Audits the log in the background and notes the outcome in node.last_audit; `done` runs on the server's thread.
void audit_in_background(Node& node, std::function<void()> done);

}  // namespace musher
