#include "sync/peer_status.hpp"

#include <algorithm>
#include <set>

namespace musher::sync {

PeerStatus status_of(const PeerRecord& record, RowId last) {
  PeerStatus peer;
  peer.peer = record.peer;
  peer.log = record.log;
  peer.address = record.address;
  peer.dialed = record.address.starts_with("ws://") || record.address.starts_with("wss://");
  peer.state = record.state;
  peer.since_ms = record.since_ms;
  peer.lag_ops = std::max<std::int64_t>(0, raw(last) - raw(record.acknowledged));
  peer.sent_bytes = record.sent_bytes;
  peer.received_bytes = record.received_bytes;
  peer.last_error = record.last_error;
  return peer;
}

Result<std::vector<PeerStatus>> stored_peers(LogReader& log, bool is_served) {
  MUSHER_TRY(const RowId last, log.last_row());
  MUSHER_TRY(const auto records, log.peers());
  std::vector<PeerStatus> peers;
  for (const PeerRecord& record : records) {
    PeerStatus& peer = peers.emplace_back(status_of(record, last));
    if (peer.state == "connected" && !is_served) peer.state = "not_running";
  }
  return peers;
}

std::vector<PeerStatus> with_stored(std::vector<PeerStatus> live, std::vector<PeerStatus> stored) {
  const auto is_dialed_in_vain = [](const PeerStatus& row) {
    return row.state != "connected" && row.state != "handshake";
  };
  std::set<AuthorId> connected;
  for (const PeerStatus& row : live) {
    if (row.peer && !is_dialed_in_vain(row)) connected.insert(*row.peer);
  }
  std::erase_if(stored, [&](const PeerStatus& row) { return connected.contains(*row.peer); });
  // An address that is left alone, since its node is connected some other way.
  std::erase_if(
      live, [&](const PeerStatus& row) { return is_dialed_in_vain(row) && row.peer && connected.contains(*row.peer); });
  std::vector<PeerStatus> rows;
  std::set<AuthorId> shown;
  for (PeerStatus& row : live) {
    const auto known = std::ranges::find_if(stored, [&](const PeerStatus& record) {
      return row.peer ? record.peer == row.peer : record.dialed && record.address == row.address;
    });
    if (is_dialed_in_vain(row) && known != stored.end()) {
      known->address = row.address;
      known->dialed = true;
      known->state = row.state;
      if (!row.last_error.empty()) known->last_error = row.last_error;
      row = std::move(*known);
      stored.erase(known);
    }
    const bool again = is_dialed_in_vain(row) && row.peer && !shown.insert(*row.peer).second;
    if (!again) rows.push_back(std::move(row));  // else: another address of a node that is away
  }
  for (PeerStatus& record : stored) {
    if (record.state == "connected") record.state = "closed";  // to a server that did not live to say how it ended
    rows.push_back(std::move(record));
  }
  return rows;
}

}  // namespace musher::sync
