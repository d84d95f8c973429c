#include "sync/peer_status.hpp"

#include <algorithm>
#include <set>

namespace musher::sync {
namespace {

bool has_no_connection(const PeerStatus& row) { return row.state != "connected" && row.state != "handshake"; }

}  // namespace

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

Result<std::vector<PeerStatus>> stored_peers(LogReader& log, std::optional<std::int64_t> served_since_ms) {
  MUSHER_TRY(const RowId last, log.last_row());
  MUSHER_TRY(const auto records, log.peers());
  std::vector<PeerStatus> peers;
  for (const PeerRecord& record : records) {
    PeerStatus& peer = peers.emplace_back(status_of(record, last));
    if (!served_since_ms)
      peer.state = "not_running";
    else if (peer.state == "connected" && peer.since_ms < *served_since_ms)
      peer.state = "closed";
  }
  return peers;
}

std::vector<PeerStatus> with_stored(std::vector<PeerStatus> live, std::vector<PeerStatus> stored) {
  std::set<AuthorId> connected;
  for (const PeerStatus& row : live) {
    if (row.peer && !has_no_connection(row)) connected.insert(*row.peer);
  }
  std::erase_if(stored, [&](const PeerStatus& row) { return connected.contains(*row.peer); });
  // An address that is left alone, since its node is connected some other way.
  std::erase_if(
      live, [&](const PeerStatus& row) { return has_no_connection(row) && row.peer && connected.contains(*row.peer); });
  std::vector<PeerStatus> rows;
  std::set<AuthorId> shown;
  for (PeerStatus& row : live) {
    const auto known = std::ranges::find_if(stored, [&](const PeerStatus& record) {
      return row.peer ? record.peer == row.peer : record.dialed && record.address == row.address;
    });
    if (row.state == "refused" && known != stored.end() && known->since_ms >= row.since_ms) continue;
    if (has_no_connection(row) && known != stored.end()) {
      known->address = row.address;
      known->dialed = row.dialed;
      known->state = row.state;
      if (row.state == "refused") known->since_ms = row.since_ms;
      if (!row.last_error.empty()) known->last_error = row.last_error;
      row = std::move(*known);
      stored.erase(known);
    }
    const bool again = has_no_connection(row) && row.peer && !shown.insert(*row.peer).second;
    if (!again) rows.push_back(std::move(row));  // else: another address of a node that is away
  }
  for (PeerStatus& record : stored) {
    if (record.state == "connected") record.state = "closed";  // to a server that did not live to say how it ended
    rows.push_back(std::move(record));
  }
  return rows;
}

void take_from_others(std::vector<PeerStatus>& rows, const std::vector<PeerStatus>& written) {
  for (PeerStatus& row : rows) {
    if (!row.peer || !has_no_connection(row)) continue;
    const auto theirs = std::ranges::find(written, row.peer, &PeerStatus::peer);
    if (theirs == written.end() || theirs->state != "connected") continue;
    // What this server knows of the end of a connection of its own may not be written down yet.
    if (theirs->since_ms < row.since_ms) continue;
    row = *theirs;
    row.other_server = true;
  }
}

}  // namespace musher::sync
