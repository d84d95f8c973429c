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
  /// "connected", "handshake", "dialing", "waiting", "stopped", "refused"; of what is written down: "connected",
  /// "closed", or "not_running": no server of this log runs.
  std::string state{};
  std::int64_t since_ms = 0;              ///< it is connected, or is not; 0: never
  std::optional<std::int64_t> lag_ops{};  ///< ops of this log that it has not acknowledged; absent: not known
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::string last_error{};
  bool other_server = false;  ///< it is connected with another server of this log
};

/// The peers of the table, by key.
/// @param served_since_ms  when the eldest of the live servers of the log that sync began; nothing: there is none. Who
///   was connected before that was so with one that did not live to say how it ended
[[nodiscard]] Result<std::vector<PeerStatus>> stored_peers(LogReader& log, std::optional<std::int64_t> served_since_ms);

/// One record. last: the log's last row.
[[nodiscard]] PeerStatus status_of(const PeerRecord& record, RowId last);

/// What a server has now, and what is written down of peers that it has no connection with: how far behind they are,
/// and why they went. One row for each peer, and for each address that nobody answered at. Who was refused and has been
/// connected since is not shown as refused.
[[nodiscard]] std::vector<PeerStatus> with_stored(std::vector<PeerStatus> live, std::vector<PeerStatus> stored);

/// Of a log that several servers have open: a peer of `written` (stored_peers, of the other servers) that is connected
/// there is so in `rows`, what one of the servers shows, if that one has no connection with it and does not know better
/// by now.
void take_from_others(std::vector<PeerStatus>& rows, const std::vector<PeerStatus>& written);

}  // namespace musher::sync
