// Whom a node dials, when again, and what becomes of two connections with one node, of an address that is its own, and
// of who is not let in.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "model/text.hpp"
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
