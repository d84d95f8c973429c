// Whom a node dials, when again, and what becomes of two connections with one node, of an address that is its own, and
// of who is not let in.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "model/text.hpp"
#include "support/signed_ops.hpp"
#include "support/sync_pair.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("sync: two nodes that dial each other keep one connection, and do not flap", "[sync]") {
  Pair pair(GENERATE(range<std::uint64_t>(6, 16)));
  pair.b.rendezvous = {"a"};
  pair.start();
  pair.world.run_for(20s);
  std::size_t connections = 0;
  pair.world.tap = [&](std::string_view message) { connections += message.front() == 1 ? 1U : 0U; };  // a hello
  pair.world.run_for(120s);
  CHECK(connections == 0);
  CHECK(pair.a.engine().connected() == 1);
  CHECK(pair.b.engine().connected() == 1);
  insert(pair.a, "one");
  insert(pair.b, "two");
  CHECK(pair.are_equal(2, 2s));
}

TEST_CASE("sync: a node that dials again is believed: the connection that it gave up ends", "[sync]") {
  SyncWorld world(24);
  SimNode& a = world.add("a");
  HostileNode peer(world, "peer", 66);
  peer.be_trusted();
  a.start();
  const auto older = peer.connect(a);
  older->send_ops(peer.orphans(1));
  REQUIRE(world.run_until([&] { return waiting(a) == 1; }, 5s));
  const auto newer = peer.connect(a);
  REQUIRE(world.run_until([&] { return older->closed(); }, 5s));
  CHECK(older->ended()->code == sync::CloseCode::duplicate);
  CHECK(older->ended()->reason == "there is a newer connection");
  older->send_ops(peer.orphans(1));
  newer->send_ops(peer.orphans(1));
  REQUIRE(world.run_until([&] { return waiting(a) == 2; }, 5s));
  world.run_for(5s);
  CHECK(waiting(a) == 2);
  CHECK_FALSE(newer->closed());
  CHECK(a.engine().connected() == 1);
}

TEST_CASE("sync: of who dials again and again one old connection is closing, and no more", "[sync]") {
  Pair pair(27);
  pair.start();
  for (int turn = 0; turn < 8; ++turn) {
    REQUIRE(pair.world.run_until([&] { return pair.b.engine().connected() == 1; }, 20s));
    pair.a.crash();  // b does not hear of it at once, nor does anybody say goodbye to it
    pair.a.start();
    REQUIRE(pair.world.run_until([&] { return pair.a.engine().connected() == 1; }, 20s));
    CHECK(pair.b.engine().status().size() <= 2);
  }
}

TEST_CASE("sync: what became of a peer is written down also beside a flood", "[sync]") {
  Pair pair(25);
  HostileNode flood(pair.world, "flood", 66);
  flood.be_trusted();
  pair.start();
  REQUIRE(pair.world.run_until(
      [&] {
        const auto record = record_of(pair.b, pair.a.author());
        return record && record->state == "connected";
      },
      20s));
  pair.world.run_for(2s);
  const auto link = flood.connect(pair.b);
  pair.b.slow_writes = 300ms;  // longer than a tick: at none of them nothing is being written
  const auto send = [&] { link->send_ops(flood.orphans(1)); };
  for (int sent = 0; sent < 20; ++sent) send();
  pair.a.stop();
  const auto is_closed = [&] { return record_of(pair.b, pair.a.author())->state == "closed"; };
  for (int turn = 0; turn < 50 && !is_closed(); ++turn) {
    send();
    pair.world.run_for(200ms);
  }
  CHECK(is_closed());
  CHECK_FALSE(link->closed());
}

TEST_CASE("sync: what is not written down of a peer yet outlives a connection that ends at once", "[sync]") {
  SyncWorld world(28);
  world.weather.least_latency = world.weather.most_latency = 100us;
  SimNode& a = world.add("a");
  HostileNode peer(world, "peer", 66);
  peer.be_trusted();
  a.start();
  const LogMark before{RowId{7}, Digest{{1}}}, mark{RowId{8}, Digest{{2}}};
  const auto first = connect_with_mark(peer, a, before);
  first->send_ops({}, mark);
  world.run_for(2ms);
  first->close();
  world.run_for(2ms);
  REQUIRE(first->closed());
  REQUIRE(record_of(a, peer.author())->heard == before);
  const auto second = peer.dial(a), third = peer.dial(a);  // the second is replaced before it has read anything
  REQUIRE(world.run_until([&] { return third->open(); }, 1s));
  CHECK(second->count<sync::Position>() == 0);
  const auto said = std::ranges::find_if(
      third->got(), [](const sync::Message& message) { return std::holds_alternative<sync::Position>(message); });
  REQUIRE(said != third->got().end());
  CHECK(std::get<sync::Position>(*said).heard == mark);
}

TEST_CASE("sync: whoever cannot write is not sent the same again and again", "[sync]") {
  Pair pair(21);
  insert(pair.a, "before", 10);
  FaultyVfs& disk = pair.world.put_on_bad_disk(pair.b);
  pair.start();
  REQUIRE(pair.are_equal(10));
  pair.world.run_for(5s);
  insert(pair.a, "many", 500);
  disk.inject({.call = FaultyVfs::Call::write, .suffix = "-wal", .for_ever = true, .code = 13});  // SQLITE_FULL
  pair.world.run_for(120s);
  const auto connections = [&] { return std::ranges::count(pair.a.events, "peer disconnected", &sync::Event::what); };
  CHECK(connections() > 2);
  CHECK(connections() < 30);  // each second without the back-off
  disk.heal();
  CHECK(pair.are_equal(510));
}

TEST_CASE("sync: who answers with a refusal is dialed again, whatever it says", "[sync]") {
  SyncWorld world(22);
  SimNode& a = world.add("a");
  const auto code = GENERATE(sync::CloseCode::same_node, sync::CloseCode::same_key, sync::CloseCode::wrong_document);
  int dials = 0;
  world.listen("impostor", [&](const std::shared_ptr<SimLink>& link) {
    ++dials;
    link->close(static_cast<std::uint16_t>(code), "go away");
  });
  a.rendezvous = {"impostor"};
  a.start();
  world.run_for(300s);
  CHECK(dials > 3);
  CHECK(dials < 60);
}

TEST_CASE("sync: a node that dials itself stops", "[sync]") {
  Pair pair(20);
  pair.a.rendezvous = {"a", "b"};
  pair.start();
  pair.world.run_for(20s);
  const auto status = pair.a.engine().status();
  const auto self = std::ranges::find(status, "a", &sync::PeerStatus::address);
  REQUIRE(self != status.end());
  CHECK(self->state == "stopped");
  CHECK(pair.a.engine().connected() == 1);
}

TEST_CASE("sync: a name that led back to this node is tried again, and may lead to another one then", "[sync]") {
  Pair pair(26);
  pair.a.rendezvous = {"floating"};
  int dials = 0;
  pair.world.listen("floating", [&](const std::shared_ptr<SimLink>& link) {
    ++dials;
    pair.a.accept(link);
  });
  pair.start();
  pair.world.run_for(300s);
  CHECK(dials == 1);
  CHECK(pair.a.engine().status().front().state == "stopped");
  pair.a.trust(identity_of(77).author(), "somebody");
  pair.world.run_for(5s);
  CHECK(dials == 1);
  pair.world.run_for(400s);
  CHECK(dials == 2);
  CHECK(std::ranges::count(pair.a.events, "connection refused", &sync::Event::what) == 1);  // of which one is warned
  pair.world.listen("floating", [&](const std::shared_ptr<SimLink>& link) { pair.b.accept(link); });
  CHECK(pair.world.run_until([&] { return pair.a.engine().connected() == 1; }, 700s));
}

TEST_CASE("sync: who is not let in is shown where it can be let in, until it is", "[sync]") {
  SyncWorld world(23);
  SimNode &a = world.add("a"), &b = world.add("b");
  a.trust(b.author(), "b");
  a.rendezvous = {"b"};
  a.start();
  b.start();
  const auto refused = [&] {
    const auto status = b.engine().status();
    return std::ranges::count(status, "refused", &sync::PeerStatus::state);
  };
  REQUIRE(world.run_until([&] { return refused() == 1; }, 10s));
  const auto shown = b.engine().status().front();
  CHECK(shown.peer == a.author());
  CHECK_FALSE(shown.dialed);
  CHECK_THAT(shown.last_error, Catch::Matchers::Contains("musher trust add " + to_hex(a.author().key) + " NAME --log"));
  SECTION("strangers who name a document of their own do not push it out") {
    struct Deaf final : sync::LinkUser {
      void received(std::string_view) override {}
      void drained() override {}
      void closed(std::uint16_t, std::string_view, bool) override {}
    };
    a.crash();  // it does not come again meanwhile
    std::vector<std::shared_ptr<SimLink>> strangers;
    for (std::uint8_t number = 1; number <= 40; ++number) {
      const auto [near, far] = world.connect(fmt::format("stranger{}", number), "b");
      near->start(std::make_shared<Deaf>());
      b.accept(far);
      near->send(sync::encode(sync::Hello{.document = DocumentId{{number}}, .log = {}, .author = a.author()}));
      strangers.push_back(near);
    }
    world.run_for(2s);
    CHECK(refused() == 16);
    const auto status = b.engine().status();
    CHECK(std::ranges::count(status, std::optional(a.author()), &sync::PeerStatus::peer) == 1);
    return;
  }
  world.run_for(60s);
  CHECK(refused() == 1);
  b.trust(a.author(), "a");
  REQUIRE(world.run_until([&] { return b.engine().connected() == 1; }, 20s));
  CHECK(refused() == 0);
}

}  // namespace
}  // namespace musher::testing
