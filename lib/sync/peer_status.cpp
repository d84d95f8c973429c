#include "sync/peer_status.hpp"

#include <algorithm>

namespace musher::sync {

Result<std::vector<PeerStatus>> stored_peers(LogReader& log, bool is_served) {
  MUSHER_TRY(const RowId last, log.last_row());
  MUSHER_TRY(const auto records, log.peers());
  std::vector<PeerStatus> peers;
  for (const PeerRecord& record : records) {
    PeerStatus& peer = peers.emplace_back();
    peer.peer = record.peer;
    peer.log = record.log;
    peer.address = record.address;
    peer.dialed = record.address.starts_with("ws://") || record.address.starts_with("wss://");
    peer.state = record.state == "connected" && !is_served ? "not_running" : record.state;
    peer.since_ms = record.since_ms;
    peer.lag_ops = std::max<std::int64_t>(0, raw(last) - raw(record.acknowledged));
    peer.sent_bytes = record.sent_bytes;
    peer.received_bytes = record.received_bytes;
    peer.last_error = record.last_error;
  }
  return peers;
}

}  // namespace musher::sync
