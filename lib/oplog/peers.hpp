#pragma once
// The table peers: what this node keeps of the nodes it has synced with. Functions throw (sql.hpp).

#include <string_view>
#include <vector>

#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

[[nodiscard]] std::vector<PeerRecord> read_peers(sql::Connection& connection);
void write_peer(sql::Connection& connection, const PeerRecord& peer);
/// An op that came from this source ("peer:<hex>") was given up: where we got to in its log says nothing any more.
void forget_mark_of(sql::Connection& connection, std::string_view source);

}  // namespace musher
