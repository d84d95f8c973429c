#pragma once
// What a client can read by URI and complete: musher://story/{id}, musher://pipeline, musher://log/tail,
// musher://findings; story ids, fields and stages. And which of them an op changes.

#include "mcp/server.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_resources(mcp::Server& server, Node& node);

/// Prompts: why-does-this-story-keep-coming-back, audit-this-log, triage-a-stage; with completions.
[[nodiscard]] Result<void> add_prompts(mcp::Server& server, Node& node);

/// Tells those who subscribed.
void announce(mcp::Server& server, const LogChanges& changes);

}  // namespace musher
