#include "report/peers_json.hpp"

namespace musher {

void write_peers(JsonWriter& json, const std::vector<sync::PeerStatus>& peers, const TrustPolicy& trust) {
  json.key("peers").begin_array();
  for (const sync::PeerStatus& peer : peers) {
    json.begin_object();
    if (peer.peer)
      json.key("peer").id(*peer.peer);
    else
      json.key("peer").null();
    json.key("name").string(peer.peer ? trust.name(*peer.peer) : "");
    json.key("address").string(peer.address);
    json.key("dialed").boolean(peer.dialed);
    json.key("state").string(peer.state);
    if (peer.since_ms != 0)
      json.key("since").time(peer.since_ms);
    else
      json.key("since").null();
    if (peer.lag_ops)
      json.key("lag_ops").number(*peer.lag_ops);
    else
      json.key("lag_ops").null();
    json.key("sent_bytes").number(peer.sent_bytes);
    json.key("received_bytes").number(peer.received_bytes);
    json.key("last_error").string(peer.last_error);
    if (peer.other_server) json.key("other_server").boolean(true);
    json.end_object();
  }
  json.end_array();
}

void write_peers(JsonWriter& json, const Envelope& envelope, const std::vector<sync::PeerStatus>& peers,
                 const TrustPolicy& trust) {
  json.begin_object();
  write_envelope(json, envelope);
  write_peers(json, peers, trust);
  json.end_object();
  json.end_line();
}

}  // namespace musher
