#pragma once
// The tools that read the whole log: replay_at and verify_order. Each runs on a worker's thread with a connection of
// its own, tells how far it is, and ends when the client goes. An audit that went to its end is the node's last audit.

#include "mcp/server.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_audit_tools(mcp::Server& server, Node& node);

/// Audits the log in the background and notes the outcome in node.last_audit. What was begun before counts no more, and
/// ends if it was the server's own. False when too much long work waits: nothing is begun.
[[nodiscard]] bool audit_in_background(Node& node);

}  // namespace musher
