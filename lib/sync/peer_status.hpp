#pragma once
// What an operator sees of other nodes, from a running engine or from what is written down of them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oplog/op_log.hpp"

namespace musher::sync {

/// One peer, or an address that is dialed.
struct PeerStatus {
  std::optional<AuthorId> peer{};  ///< absent: an address that never answered
  std::optional<LogId> log{};
  std::string address{};
  bool dialed = false;
  /// "connected", "handshake", "dialing", "waiting", "stopped"; of what is written down: "connected", "closed", or
  /// "not_running": it was connected to a server that did not live to say how that ended.
  std::string state{};
  std::int64_t since_ms = 0;  ///< it is connected, or is not; 0: never
  std::int64_t lag_ops = 0;   ///< ops of this log that it has not acknowledged
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::string last_error{};
};

/// The peers of the table, by key. is_served: a live server has the log open.
[[nodiscard]] Result<std::vector<PeerStatus>> stored_peers(LogReader& log, bool is_served);

/// One record. last: the log's last row.
[[nodiscard]] PeerStatus status_of(const PeerRecord& record, RowId last);

/// What a server has now, and what is written down of peers that it has no connection with: how far behind they are,
/// and why they went. One row for each peer, and for each address that nobody answered at.
[[nodiscard]] std::vector<PeerStatus> with_stored(std::vector<PeerStatus> live, std::vector<PeerStatus> stored);

}  // namespace musher::sync
