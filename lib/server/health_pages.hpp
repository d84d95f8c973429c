#pragma once
// What /readyz and /metrics say of a server.

#include "http/server.hpp"
#include "mcp/server.hpp"
#include "server/metrics.hpp"
#include "server/node.hpp"
#include "server/sync_service.hpp"

namespace musher {

/// Since the start.
struct ServeCounts {
  std::uint64_t applied_ops = 0;
  std::uint64_t equivocations = 0;
  std::uint64_t writes = 0;
};

/// A server as its pages see it.
struct ServerState {
  const Node& node;
  const SyncService* sync = nullptr;  ///< null: it does not sync
  const http::Server& http;
  const mcp::Server& mcp;
  const ServeCounts& counts;
};

/// 503: the log has turned bad, or this node's own ops are elsewhere.
[[nodiscard]] http::Response readiness_page(const ServerState& state);
[[nodiscard]] http::Response metrics_page(const ServerState& state, Metrics& metrics);

}  // namespace musher
