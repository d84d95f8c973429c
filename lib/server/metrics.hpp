#pragma once
// What /metrics says, for Prometheus: base units, and nothing of any story.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace musher {

/// The state of a server at one moment.
struct MetricValues {
  bool healthy = false;
  bool read_only = false;
  double applied_rowid = 0;
  double ops = 0;
  double stories = 0;
  double items = 0;
  double tombstones = 0;
  double muted_ops = 0;
  double quarantine_ops = 0;
  double database_bytes = 0;
  double wal_bytes = 0;
  double lock_wait_seconds = 0;  ///< how long the write under way has taken so far
  double http_connections = 0;
  double http_streams = 0;
  double mcp_sessions = 0;
  double mcp_subscriptions = 0;
  double audit_errors = 0;
  double last_audit_timestamp_seconds = 0;  ///< 0: none is done
  // since the start
  double applied_ops = 0;
  double equivocations = 0;
  double http_requests = 0;
  double http_refused = 0;
  double http_slow_readers_dropped = 0;
  double writes = 0;
  double sync_received_ops = 0;
  double sync_sent_ops = 0;
  double sync_admitted_ops = 0;
  double sync_violations = 0;
};

/// One node that this one syncs with. Only so many are shown one by one.
struct PeerMetric {
  std::string peer;  ///< the first 12 digits of its key
  bool connected = false;
  double since_seconds = 0;
  std::optional<double> lag_ops{};  ///< absent: not known
  double sent_bytes = 0;
  double received_bytes = 0;
};
/// An address that is dialed, whether or not anybody ever answered there.
struct AddressState {
  std::string address;
  bool connected = false;  ///< its node is, whoever dialed whom
};
inline constexpr std::size_t kMostPeerMetrics = 32;  ///< and as many addresses

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// A commit by another process, from its doorbell to gone from memory: observed in seconds.
  void observe_apply(double seconds);
  /// The text exposition format.
  [[nodiscard]] std::string text(const MetricValues& values, const std::vector<PeerMetric>& peers,
                                 const std::vector<AddressState>& addresses);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace musher
