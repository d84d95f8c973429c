#include "server/health_pages.hpp"

#include <algorithm>
#include <map>

#include "model/text.hpp"
#include "report/inspect_json.hpp"
#include "server/node_problem.hpp"
#include "server/tool_result.hpp"

namespace musher {
namespace {

/// A node that was let in once, or that this one dials. Anybody can prove a made-up key, a new one every time: of who
/// was refused only what is written down of a peer has its log.
bool is_known(const sync::PeerStatus& peer) { return peer.peer && (peer.state != "refused" || peer.log); }

std::vector<PeerMetric> peer_metrics(std::vector<sync::PeerStatus> peers) {
  std::ranges::stable_partition(peers, [](const sync::PeerStatus& peer) { return peer.state == "connected"; });
  std::map<std::string, PeerMetric> by_key;
  for (const sync::PeerStatus& peer : peers) {
    if (!is_known(peer)) continue;
    const std::string key = to_hex(peer.peer->key).substr(0, 12);
    if (by_key.size() == kMostPeerMetrics && !by_key.contains(key)) continue;
    PeerMetric& metric = by_key[key];
    if (metric.connected) continue;  // what is said of an address says less
    metric = {key,
              peer.state == "connected",
              static_cast<double>(peer.since_ms) / 1'000,
              peer.lag_ops.transform([](std::int64_t ops) { return static_cast<double>(ops); }),
              static_cast<double>(peer.sent_bytes),
              static_cast<double>(peer.received_bytes)};
  }
  std::vector<PeerMetric> metrics;
  for (auto& [key, metric] : by_key) metrics.push_back(std::move(metric));
  return metrics;
}

std::vector<AddressState> address_metrics(const SyncService& sync, const std::vector<sync::PeerStatus>& peers) {
  auto addresses = sync.addresses();
  if (addresses.size() > kMostPeerMetrics) addresses.resize(kMostPeerMetrics);
  for (AddressState& each : addresses) {
    each.connected = each.connected || std::ranges::any_of(peers, [&](const sync::PeerStatus& peer) {
                       return peer.other_server && peer.dialed && peer.address == each.address;
                     });
  }
  return addresses;
}

}  // namespace

http::Response readiness_page(const ServerState& state) {
  const std::optional<NodeProblem> problem = problem_of(state.node);
  const bool failed = problem && problem->kind != NodeProblem::Kind::write_is_slow;
  std::string body = json_text([&](JsonWriter& json) {
    json.begin_object();
    json.key("status").string(failed ? "failed" : problem ? "degraded" : "ok");
    json.key("health").string(to_string(state.node.live.health()));
    if (problem) json.key("problem").string(problem->what);
    json.key("applied").decimal(state.node.live.applied());
    json.key("last_audit");
    if (state.node.last_audit)
      json.string(state.node.last_audit->verdict);
    else
      json.null();
    json.end_object();
    json.end_line();
  });
  return {failed ? 503U : 200U, "application/json", body + "\n"};
}

http::Response metrics_page(const ServerState& state, Metrics& metrics) {
  const DocumentCounts document = state.node.live.document().counts();
  const auto sizes = state.node.live.log().file_sizes();
  MetricValues values;
  values.healthy = state.node.live.health() != ServerHealth::failed;
  values.read_only = state.node.writer == nullptr;
  values.applied_rowid = static_cast<double>(raw(state.node.live.applied()));
  values.ops = static_cast<double>(state.node.live.live().counts().applied);
  values.stories = static_cast<double>(document.stories);
  values.items = static_cast<double>(document.items);
  values.tombstones = static_cast<double>(document.tombstones);
  values.muted_ops = static_cast<double>(state.node.live.muted());
  values.quarantine_ops = static_cast<double>(state.node.live.quarantined());
  if (sizes) {
    values.database_bytes = static_cast<double>(sizes->database);
    values.wal_bytes = static_cast<double>(sizes->wal);
  }
  values.lock_wait_seconds = write_running(state.node).count();
  const http::Stats& http = state.http.stats();
  values.http_connections = static_cast<double>(http.connections);
  values.http_streams = static_cast<double>(http.streams);
  values.http_requests = static_cast<double>(http.requests);
  values.http_refused = static_cast<double>(http.refused);
  values.http_slow_readers_dropped = static_cast<double>(http.dropped);
  values.mcp_sessions = static_cast<double>(state.mcp.counts().sessions);
  values.mcp_subscriptions = static_cast<double>(state.mcp.counts().listens);
  if (state.node.last_audit) {
    values.audit_errors = static_cast<double>(state.node.last_audit->errors);
    values.last_audit_timestamp_seconds = static_cast<double>(state.node.last_audit->finished_ms) / 1000;
  }
  values.equivocations = static_cast<double>(state.counts.equivocations);
  values.applied_ops = static_cast<double>(state.counts.applied_ops);
  values.writes = static_cast<double>(state.counts.writes);
  if (state.sync != nullptr) {
    const sync::Engine::Totals totals = state.sync->totals();
    values.sync_received_ops = static_cast<double>(totals.ops_received);
    values.sync_sent_ops = static_cast<double>(totals.ops_sent);
    values.sync_admitted_ops = static_cast<double>(totals.ops_admitted);
    values.sync_violations = static_cast<double>(totals.violations);
  }
  const std::vector<sync::PeerStatus> peers = state.node.peers();
  const auto addresses = state.sync != nullptr ? address_metrics(*state.sync, peers) : std::vector<AddressState>();
  return {200, "text/plain; version=0.0.4", metrics.text(values, peer_metrics(peers), addresses)};
}

}  // namespace musher
