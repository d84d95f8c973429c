#pragma once
// The table peers: what this node keeps of the nodes it has synced with. Functions throw (sql.hpp).

#include <vector>

#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

[[nodiscard]] std::vector<PeerRecord> read_peers(sql::Connection& connection);
void write_peer(sql::Connection& connection, const PeerRecord& peer);
/// An op that waited was given up, and several peers may have sent it: where we got to in their logs says nothing any
/// more.
void forget_marks(sql::Connection& connection);

}  // namespace musher
