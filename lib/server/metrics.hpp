#pragma once
// What /metrics says, for Prometheus: base units, and nothing of any story.

#include <cstdint>
#include <memory>
#include <string>

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
  double http_requests = 0;
  double http_refused = 0;
  double http_slow_readers_dropped = 0;
  double writes = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// A commit by another process, from its doorbell to gone from memory: observed in seconds.
  void observe_apply(double seconds);
  /// The text exposition format.
  [[nodiscard]] std::string text(const MetricValues& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace musher
