// Nodes in a simulated world, with nothing going wrong or one thing at a time. What goes wrong at random is
// integration/sync_simulator_test.cpp.
#include <catch2/catch.hpp>

#include "support/sync_world.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;

void insert(SimNode& node, const std::string& story) {
  const auto done = node.write([&](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    MUSHER_CHECK(own.append({OpKind::insert, OpId{}, story, "{\"stage\":\"1_backlog\"}", {}}));
    return own.commit();
  });
  REQUIRE(done);
}

void trust_each_other(SyncWorld& world) {
  for (const auto& left : world.nodes()) {
    for (const auto& right : world.nodes()) {
      if (left != right) left->trust(right->author(), right->name());
    }
  }
}

std::uint64_t count(SimNode& node) {
  const auto ops = node.log().count();
  REQUIRE(ops);
  return *ops;
}

bool equal(SyncWorld& world) {
  std::vector<OpId> first;
  for (const auto& node : world.nodes()) {
    const auto tips = node->log().tips();
    REQUIRE(tips);
    std::vector<OpId> ids;
    for (const Tip& tip : *tips) ids.push_back(tip.id);
    if (node == world.nodes().front()) first = ids;
    if (ids != first) return false;
  }
  return true;
}

TEST_CASE("sync: two nodes that wrote apart have the same document after they meet", "[sync]") {
  SyncWorld world(1);
  SimNode& a = world.add("a");
  SimNode& b = world.add("b");
  trust_each_other(world);
  for (int i = 0; i < 300; ++i) insert(a, "a" + std::to_string(i));
  for (int i = 0; i < 10; ++i) insert(b, "b" + std::to_string(i));
  a.rendezvous = {"b"};
  a.start();
  b.start();
  CHECK(world.run_until([&] { return count(a) == 310 && count(b) == 310; }, 10s));
  CHECK(a.state_digest() == b.state_digest());
  CHECK(a.events.empty());
  CHECK(b.events.empty());

  SECTION("what is written then is there at once") {
    insert(b, "late");
    CHECK(world.run_until([&] { return count(a) == 311; }, 1s));
  }
  SECTION("nothing is sent twice after a new connection") {
    world.run_for(3s);  // what is known of peers is written down
    const auto received = a.engine().totals().ops_received + b.engine().totals().ops_received;
    CHECK(received == 310);
    a.crash();
    a.start();
    insert(b, "late");
    CHECK(world.run_until([&] { return count(a) == 311; }, 20s));
    CHECK(a.engine().totals().ops_received == 1);
    CHECK(b.engine().totals().ops_received == 300);
  }
}

TEST_CASE("sync: a chain of nodes forwards", "[sync]") {
  SyncWorld world(2);
  SimNode& a = world.add("a");
  SimNode& b = world.add("b");
  SimNode& c = world.add("c");
  trust_each_other(world);
  a.rendezvous = {"b"};
  b.rendezvous = {"c"};
  for (const auto& node : world.nodes()) node->start();
  insert(a, "one");
  insert(c, "two");
  CHECK(world.run_until([&] { return count(a) == 2 && count(b) == 2 && count(c) == 2; }, 10s));
  CHECK(a.state_digest() == c.state_digest());
}

TEST_CASE("sync: a seed replays to the same trace", "[sync]") {
  const auto run = [](std::uint64_t seed) {
    SyncWorld world(seed);
    SimNode& a = world.add("a");
    SimNode& b = world.add("b");
    trust_each_other(world);
    a.rendezvous = {"b"};
    a.start();
    b.start();
    insert(a, "one");
    insert(b, "two");
    world.run_for(5s);
    CHECK(equal(world));
    return world.trace();
  };
  CHECK(run(7) == run(7));
  CHECK(run(7) != run(8));
}

}  // namespace
}  // namespace musher::testing
