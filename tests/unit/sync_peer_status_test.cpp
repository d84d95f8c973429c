// What an operator sees of peers: what a server has now, with what is written down of those it has no connection with.
#include <catch2/catch.hpp>

#include "sync/peer_status.hpp"

namespace musher::sync {
namespace {

AuthorId peer(std::uint8_t number) {
  AuthorId id;
  id.key.fill(number);
  return id;
}

PeerStatus live(std::optional<AuthorId> who, const std::string& address, const std::string& state) {
  PeerStatus row;
  row.peer = who;
  row.address = address;
  row.state = state;
  row.dialed = true;
  return row;
}

PeerStatus stored(const AuthorId& who, const std::string& address, std::int64_t lag) {
  PeerStatus row = live(who, address, "closed");
  row.lag_ops = lag;
  row.last_error = "it broke";
  return row;
}

TEST_CASE("sync peers: who is connected is shown once, with what the server has", "[sync]") {
  auto rows = with_stored({live(peer(1), "1.2.3.4:5", "connected"), live(peer(1), "ws://a", "waiting")},
                          {stored(peer(1), "ws://a", 7)});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].state == "connected");
  CHECK(rows[0].lag_ops == 0);
}

TEST_CASE("sync peers: an address that is dialed in vain has the lag of who answered there", "[sync]") {
  const bool known = GENERATE(false, true);  // or of who is written down as there
  auto rows = with_stored({live(known ? std::optional(peer(1)) : std::nullopt, "ws://a", "dialing")},
                          {stored(peer(1), "ws://a", 7), stored(peer(2), "ws://b", 9)});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].peer == peer(1));
  CHECK(rows[0].state == "dialing");
  CHECK(rows[0].lag_ops == 7);
  CHECK(rows[0].last_error == "it broke");
  CHECK(rows[1].peer == peer(2));
  CHECK(rows[1].state == "closed");
}

TEST_CASE("sync peers: two addresses of a node that is away are one row, with its lag", "[sync]") {
  auto rows = with_stored({live(peer(1), "ws://a", "waiting"), live(peer(1), "ws://b", "waiting")},
                          {stored(peer(1), "ws://a", 7)});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].lag_ops == 7);
}

TEST_CASE("sync peers: nobody is connected to a server that has no connection with it", "[sync]") {
  PeerStatus record = stored(peer(1), "1.2.3.4:5", 3);
  record.state = "connected";  // to one that was killed
  auto rows = with_stored({live(std::nullopt, "ws://nobody", "waiting")}, {record});
  REQUIRE(rows.size() == 2);
  CHECK_FALSE(rows[0].peer);
  CHECK(rows[1].state == "closed");
}

}  // namespace
}  // namespace musher::sync
