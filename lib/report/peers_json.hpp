#pragma once
// The JSON of other nodes: musher inspect peers, and get_node (docs/json.md).

#include <vector>

#include "replica/trust_policy.hpp"
#include "report/envelope.hpp"
#include "sync/peer_status.hpp"

namespace musher {

/// "peers": [PEER], with the names of this log.
void write_peers(JsonWriter& json, const std::vector<sync::PeerStatus>& peers, const TrustPolicy& trust);
/// The document of inspect peers.
void write_peers(JsonWriter& json, const Envelope& envelope, const std::vector<sync::PeerStatus>& peers,
                 const TrustPolicy& trust);

}  // namespace musher
