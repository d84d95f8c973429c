#include "server/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <utility>
#include <vector>

namespace musher {
namespace {

/// A value of MetricValues with its name in Prometheus.
struct Described {
  const char* name;
  const char* help;
  double MetricValues::*value;
};

constexpr std::array kGauges = {
    Described{"musher_applied_rowid", "Last row of the op log in this server's memory", &MetricValues::applied_rowid},
    Described{"musher_ops", "Ops in the log", &MetricValues::ops},
    Described{"musher_stories", "Stories with a visible item", &MetricValues::stories},
    Described{"musher_items", "Visible items", &MetricValues::items},
    Described{"musher_tombstones", "Hidden items", &MetricValues::tombstones},
    Described{"musher_muted_ops", "Ops in the log without effect: their author is not trusted here",
              &MetricValues::muted_ops},
    Described{"musher_quarantine_ops", "Ops that may not enter the log, or not yet", &MetricValues::quarantine_ops},
    Described{"musher_database_bytes", "Size of the database file", &MetricValues::database_bytes},
    Described{"musher_wal_bytes", "Size of the -wal file", &MetricValues::wal_bytes},
    Described{"musher_write_running_seconds", "How long the write under way has taken so far",
              &MetricValues::lock_wait_seconds},
    Described{"musher_http_connections", "Open connections", &MetricValues::http_connections},
    Described{"musher_http_streams", "Open event streams", &MetricValues::http_streams},
    Described{"musher_mcp_sessions", "Open MCP sessions", &MetricValues::mcp_sessions},
    Described{"musher_mcp_subscriptions", "Open MCP subscriptions", &MetricValues::mcp_subscriptions},
    Described{"musher_audit_errors", "Errors that the last audit found; 1 when it could not be made",
              &MetricValues::audit_errors},
    Described{"musher_audit_timestamp_seconds", "When the last audit ended, since 1970",
              &MetricValues::last_audit_timestamp_seconds},
};
constexpr std::array kCounters = {
    Described{"musher_applied_ops_total", "Ops applied to memory", &MetricValues::applied_ops},
    Described{"musher_equivocations_total", "Indexes of authors at which a second op after the same op came in",
              &MetricValues::equivocations},
    Described{"musher_http_requests_total", "Requests that were answered by a handler", &MetricValues::http_requests},
    Described{"musher_http_refused_total", "Requests that were refused before any handler",
              &MetricValues::http_refused},
    Described{"musher_http_slow_readers_dropped_total", "Streams dropped since their reader was too slow",
              &MetricValues::http_slow_readers_dropped},
    Described{"musher_writes_total", "Writes made for clients", &MetricValues::writes},
    Described{"musher_sync_received_ops_total", "Ops received from other nodes", &MetricValues::sync_received_ops},
    Described{"musher_sync_sent_ops_total", "Ops sent to other nodes", &MetricValues::sync_sent_ops},
    Described{"musher_sync_admitted_ops_total", "Ops of other nodes that entered the log",
              &MetricValues::sync_admitted_ops},
    Described{"musher_sync_violations_total", "Connections dropped since the peer broke the protocol",
              &MetricValues::sync_violations},
};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  std::vector<prometheus::Gauge*> gauges;
  std::vector<prometheus::Counter*> counters;
  prometheus::Gauge* healthy = nullptr;
  prometheus::Gauge* read_only = nullptr;
  prometheus::Histogram* apply = nullptr;
  // By peer and by address; made anew each time, so that peers that went are not shown for ever.
  prometheus::Family<prometheus::Gauge>* peer_connected = nullptr;
  prometheus::Family<prometheus::Gauge>* peer_since = nullptr;
  prometheus::Family<prometheus::Gauge>* peer_lag = nullptr;
  prometheus::Family<prometheus::Gauge>* peer_sent = nullptr;
  prometheus::Family<prometheus::Gauge>* peer_received = nullptr;
  prometheus::Family<prometheus::Gauge>* address_connected = nullptr;
  std::vector<std::pair<prometheus::Family<prometheus::Gauge>*, prometheus::Gauge*>> of_peers;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  using prometheus::BuildCounter, prometheus::BuildGauge, prometheus::BuildHistogram;
  prometheus::Registry& registry = state_->registry;
  for (const Described& gauge : kGauges)
    state_->gauges.push_back(&BuildGauge().Name(gauge.name).Help(gauge.help).Register(registry).Add({}));
  for (const Described& counter : kCounters)
    state_->counters.push_back(&BuildCounter().Name(counter.name).Help(counter.help).Register(registry).Add({}));
  const auto by_peer = [&](const char* name, const char* help) {
    return &BuildGauge().Name(name).Help(help).Register(registry);
  };
  state_->peer_connected = by_peer("musher_sync_peer_connected", "1: ops flow between this node and that one");
  state_->peer_since = by_peer("musher_sync_peer_since_seconds", "When that began to be so, in seconds since 1970");
  state_->peer_lag = by_peer("musher_sync_peer_lag_ops", "Ops of this log that the peer has not acknowledged");
  state_->peer_sent = by_peer("musher_sync_peer_sent_bytes", "Bytes sent to the peer, over all connections");
  state_->peer_received = by_peer("musher_sync_peer_received_bytes", "Bytes received, over all connections");
  state_->address_connected =
      by_peer("musher_sync_address_connected", "1: the node at this address of rendezvous is connected");
  state_->healthy =
      &BuildGauge().Name("musher_healthy").Help("1: this server follows its log").Register(registry).Add({});
  state_->read_only =
      &BuildGauge().Name("musher_read_only").Help("1: this server takes no writes").Register(registry).Add({});
  state_->apply =
      &BuildHistogram()
           .Name("musher_apply_seconds")
           .Help("From the doorbell of a commit to its ops applied to memory")
           .Register(registry)
           .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 1});
}

Metrics::~Metrics() = default;

void Metrics::observe_apply(double seconds) { state_->apply->Observe(seconds); }

std::string Metrics::text(const MetricValues& values, const std::vector<PeerMetric>& peers,
                          const std::vector<AddressState>& addresses) {
  for (const auto& [family, gauge] : std::exchange(state_->of_peers, {})) family->Remove(gauge);
  const auto show_by = [&](prometheus::Family<prometheus::Gauge>* family, const prometheus::Labels& labels,
                           double value) {
    prometheus::Gauge& gauge = family->Add(labels);
    gauge.Set(value);
    state_->of_peers.emplace_back(family, &gauge);
  };
  const auto show = [&](prometheus::Family<prometheus::Gauge>* family, const PeerMetric& peer, double value) {
    show_by(family, {{"peer", peer.peer}}, value);
  };
  for (const AddressState& each : addresses)
    show_by(state_->address_connected, {{"address", each.address}}, each.connected ? 1 : 0);
  for (const PeerMetric& peer : peers) {
    show(state_->peer_connected, peer, peer.connected ? 1 : 0);
    show(state_->peer_since, peer, peer.since_seconds);
    if (peer.lag_ops) show(state_->peer_lag, peer, *peer.lag_ops);
    show(state_->peer_sent, peer, peer.sent_bytes);
    show(state_->peer_received, peer, peer.received_bytes);
  }
  for (std::size_t i = 0; i < kGauges.size(); ++i) state_->gauges[i]->Set(values.*kGauges[i].value);
  for (std::size_t i = 0; i < kCounters.size(); ++i) {
    const double more = values.*kCounters[i].value - state_->counters[i]->Value();
    if (more > 0) state_->counters[i]->Increment(more);
  }
  state_->healthy->Set(values.healthy ? 1 : 0);
  state_->read_only->Set(values.read_only ? 1 : 0);
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace musher
