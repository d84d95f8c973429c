// Nodes in a simulated world, with nothing going wrong or one thing at a time. What goes wrong at random is
// integration/sync_simulator_test.cpp.
#include <catch2/catch.hpp>
#include <set>

#include "crypto/hashing.hpp"
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

TEST_CASE("sync: who does not answer is dialed again after half a second to a minute, twice as long each time",
          "[sync]") {
  SyncWorld world(GENERATE(range<std::uint64_t>(30, 35)));
  SimNode& a = world.add("a");
  std::vector<std::chrono::microseconds> dials;
  world.listen("gone", [&](const std::shared_ptr<SimLink>& link) {
    dials.push_back(world.now());
    link->close(1011, "it is not ready");
  });
  a.limits = {};
  a.rendezvous = {"gone"};
  a.start();
  world.run_for(600s);
  REQUIRE(dials.size() > 12);
  std::set<std::int64_t> waits;
  for (std::size_t i = 1; i < dials.size(); ++i) {
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(dials[i] - dials[i - 1]);
    const auto most = std::min<std::chrono::milliseconds>(60s, 500ms * (1U << std::min<std::size_t>(i - 1, 16)));
    INFO(i << ": " << wait.count() << " ms of " << most.count());
    CHECK(wait >= most / 2);
    CHECK(wait <= most + 400ms);  // the next tick, and the way there
    waits.insert(wait.count());
  }
  CHECK(waits.size() + 2 >= dials.size() - 1);  // drawn, and not always the same
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

/// A peer that proves its key and then sends what no node sends.
class Rude final : public sync::LinkUser, public std::enable_shared_from_this<Rude> {
 public:
  Rude(SyncWorld& world, const Identity& identity, std::string first_words)
      : handshake_(sync::Role::dialer, {&identity, world.document(), random_id<LogId>()}, std::nullopt,
                   std::array<std::uint8_t, 32>{}, [](const AuthorId&) { return Standing::allowed; }),
        first_words_(std::move(first_words)) {}

  void dial(SyncWorld& world, SimNode& node) {
    auto [ours, theirs] = world.connect("rude", node.name());
    link_ = ours;
    ours->allow(sync::kMaxMessageBytes);
    ours->start(shared_from_this());
    node.accept(theirs);
    ours->send(*handshake_.opening());
  }
  void received(std::string_view bytes) override {
    const auto message = sync::decode(seal_ ? seal_->open(bytes).value() : bytes);
    REQUIRE(message);
    if (is_in_) {
      if (on_message) on_message(*message);
      return;
    }
    auto outcome = handshake_.take(*message);
    REQUIRE(std::holds_alternative<sync::Handshake::Reply>(outcome));
    auto& reply = std::get<sync::Handshake::Reply>(outcome);
    if (!reply.message.empty()) link_->send(std::move(reply.message));
    if (!reply.peer) return;
    is_in_ = true;
    seal_ = reply.seal;
    if (!first_words_.empty()) send(first_words_);
  }
  void send(std::string message) { link_->send(seal_->close(std::move(message))); }
  std::function<void(const sync::Message&)> on_message{};
  void drained() override {}
  void closed(std::uint16_t code, std::string_view reason, bool) override {
    code_ = code;
    reason_ = reason;
  }
  [[nodiscard]] bool is_in() const { return is_in_; }
  [[nodiscard]] const std::optional<std::uint16_t>& code() const { return code_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  sync::Handshake handshake_;
  std::optional<sync::Seal> seal_;
  const std::string first_words_;
  std::shared_ptr<SimLink> link_;
  bool is_in_ = false;
  std::optional<std::uint16_t> code_;
  std::string reason_;
};

TEST_CASE("sync: who broke the protocol is refused for a while, and let in then however often it knocked", "[sync]") {
  SyncWorld world(3);
  SimNode& a = world.add("a");
  const Identity identity = Identity::generate();
  a.trust(identity.author(), "rude");
  a.start();
  const auto knock = [&](const std::string& first_words) {
    const auto rude = std::make_shared<Rude>(world, identity, first_words);
    rude->dial(world, a);
    world.run_until([&] { return rude->code() || (rude->is_in() && first_words.empty()); }, 5s);
    return rude;
  };
  // 1 s, 2 s, 4 s ... each time.
  for (int offence = 0; offence < 4; ++offence) {
    const auto rude = knock(std::string(1, '\x7f'));
    REQUIRE(rude->code());
    CHECK(*rude->code() == static_cast<std::uint16_t>(sync::CloseCode::violation));
    CHECK_THAT(rude->reason(), Catch::Matchers::Contains("no message of type 127"));
    const auto again = knock("");
    REQUIRE(again->code());
    CHECK_THAT(again->reason(), Catch::Matchers::Contains("it broke the protocol"));
    const auto refused = world.now();
    int knocks = 0;
    while (!knock("")->is_in()) {
      REQUIRE(++knocks < 100);
      world.run_for(200ms);
    }
    CHECK(world.now() - refused > 500ms * (1 << offence));
  }
}

TEST_CASE("sync: wants behind the last one that answer no samples end the connection, and nothing else", "[sync]") {
  SyncWorld world(4);
  world.weather.least_latency = world.weather.most_latency = std::chrono::microseconds(100);
  SimNode& a = world.add("a");
  const Identity identity = Identity::generate();
  a.trust(identity.author(), "rude");
  insert(a, "one");
  a.start();
  const auto rude = std::make_shared<Rude>(world, identity, sync::encode(sync::Position{}));
  rude->on_message = [&](const sync::Message& message) {
    const auto* tips = std::get_if<sync::Tips>(&message);
    if (tips == nullptr) return;
    // So much that looking it up takes several reads, and two more before the first is done.
    sync::Want much{.round = tips->round, .branches = {}, .last = true};
    for (std::size_t number = 0; number < sync::kMaxWants; ++number) {
      sync::Want::Branch& branch = much.branches.emplace_back();
      branch.tip.hash[0] = static_cast<std::uint8_t>(number);
      branch.tip.hash[1] = static_cast<std::uint8_t>(number >> 8U);
      branch.tip.hash[31] = 1;
    }
    rude->send(sync::encode(much));
    for (int i = 0; i < 2; ++i) rude->send(sync::encode(sync::Want{tips->round, {}, true}));
  };
  rude->dial(world, a);
  REQUIRE(world.run_until([&] { return rude->code().has_value(); }, 5s));
  CHECK(*rude->code() == static_cast<std::uint16_t>(sync::CloseCode::violation));
  CHECK_THAT(rude->reason(), Catch::Matchers::Contains("a want that no samples asked for"));
  world.run_for(5s);
  CHECK(a.running());
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
