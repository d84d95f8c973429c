// What an operator sees of peers: what a server has now, with what is written down of those it has no connection with.
#include <catch2/catch.hpp>

#include "support/scratch_log.hpp"
#include "sync/peer_status.hpp"

namespace musher::sync {
namespace {

using testing::must;

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
  CHECK_FALSE(rows[0].lag_ops);  // the live row has none here
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

TEST_CASE("sync peers: who was refused is shown as that until it has been connected", "[sync]") {
  PeerStatus refused = live(peer(1), "1.2.3.4:5", "refused");
  refused.since_ms = 1'000;
  refused.last_error = "not-trusted: musher trust add";
  PeerStatus record = stored(peer(1), "1.2.3.4:4", 7);
  SECTION("it was connected before") {
    record.since_ms = 999;
    const auto rows = with_stored({refused}, {record});
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].state == "refused");
    CHECK(rows[0].lag_ops == 7);
    CHECK(rows[0].last_error == refused.last_error);
  }
  SECTION("it was connected after that, and went") {
    record.since_ms = 1'001;
    const auto rows = with_stored({refused}, {record});
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].state == "closed");
    CHECK(rows[0].since_ms == 1'001);
    CHECK(rows[0].last_error == "it broke");
  }
  SECTION("it was never here: how far behind it is nobody knows") {
    const auto rows = with_stored({refused}, {});
    REQUIRE(rows.size() == 1);
    CHECK_FALSE(rows[0].lag_ops);
  }
}

TEST_CASE("sync peers: who is connected with another server of the log is said to be", "[sync]") {
  constexpr std::int64_t kTheirStart = 1'000;
  PeerStatus theirs = live(peer(1), "ws://a", "connected");
  theirs.since_ms = kTheirStart + 500;
  theirs.lag_ops = 3;
  PeerStatus ours = live(peer(1), "ws://b", GENERATE("closed", "waiting", "dialing", "stopped"));
  ours.last_error = "it broke";
  ours.since_ms = kTheirStart;  // it was connected here until then

  std::vector<PeerStatus> rows{ours, live(peer(2), "ws://c", "closed"), live(std::nullopt, "ws://d", "waiting")};
  take_from_others(rows, {theirs});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].state == "connected");
  CHECK(rows[0].other_server);
  CHECK(rows[0].address == "ws://a");
  CHECK(rows[0].lag_ops == 3);
  CHECK(rows[0].last_error.empty());
  CHECK(rows[1].state == "closed");
  CHECK_FALSE(rows[1].other_server);
  CHECK(rows[2].state == "waiting");
}

TEST_CASE("sync peers: of the file, who was connected before any server that lives began is connected no more",
          "[sync]") {
  const testing::ScratchLog scratch;
  const auto log = scratch.open();
  {
    const auto write = must(log->begin_write(std::chrono::seconds(10)));
    must(write->set_peer(
        {.peer = peer(1), .log = {}, .state = "connected", .since_ms = 1'500, .address = {}, .last_error = {}}));
    must(write->commit());
  }
  const auto state = [&](std::optional<std::int64_t> served_since_ms) {
    return must(stored_peers(*log, served_since_ms)).at(0).state;
  };
  CHECK(state(1'500) == "connected");
  CHECK(state(1'501) == "closed");
}

TEST_CASE("sync peers: of the file, without a server nothing is said of who was connected or is away", "[sync]") {
  const testing::ScratchLog scratch;
  const auto log = scratch.open();
  const std::string state = GENERATE("connected", "closed");
  {
    const auto write = must(log->begin_write(std::chrono::seconds(10)));
    must(write->set_peer(
        {.peer = peer(1), .log = {}, .state = state, .since_ms = 1'500, .address = {}, .last_error = {}}));
    must(write->commit());
  }
  CHECK(must(stored_peers(*log, std::nullopt)).at(0).state == "not_running");
  CHECK(must(stored_peers(*log, 1)).at(0).state == state);
}

TEST_CASE("sync peers: what another server of the log says is not taken for what is so", "[sync]") {
  PeerStatus theirs = live(peer(1), "ws://a", "connected");
  theirs.since_ms = 1'500;
  PeerStatus ours = live(peer(1), "ws://b", "closed");
  SECTION("of this one, which has written it down and lost the connection since") { ours.since_ms = 1'501; }
  SECTION("it is not connected there either") { theirs.state = "closed"; }
  SECTION("it is connected here") { ours.state = "connected"; }
  std::vector<PeerStatus> rows{ours};
  take_from_others(rows, {theirs});
  CHECK(rows[0].address == "ws://b");
  CHECK(rows[0].state == ours.state);
  CHECK_FALSE(rows[0].other_server);
}

}  // namespace
}  // namespace musher::sync
