#pragma once
// The tools, resources and prompts that the protocol's public conformance suite expects of a server under test.

#include "mcp/server.hpp"

namespace musher::testing {

/// Registers them all. The scheduler is the server's.
void add_conformance_fixtures(mcp::Server& server, mcp::Scheduler& scheduler);

}  // namespace musher::testing
