// What a node with a trusted key can do to others that it should not, one attack at a time: it is dropped where it
// breaks the protocol, with a code and words for the operator; the others go on as if it were not there.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "replica/tip_note.hpp"
#include "support/signed_ops.hpp"
#include "support/sync_attacks.hpp"
#include "support/sync_pair.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;

void insert_large(SimNode& node, const std::string& story, std::size_t content_bytes) {
  REQUIRE(node.write([&](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    MUSHER_CHECK(
        own.append({OpKind::insert, OpId{}, story, "{\"a\":\"" + std::string(content_bytes, 'x') + "\"}", {}}));
    return own.commit();
  }));
}

/// Two honest nodes that are connected and equal, with a few ops each, and one that both trust and should not.
struct Scene {
  explicit Scene(std::uint64_t seed = 1) : world(seed), a(world.add("a")), b(world.add("b")), mallory(world, "m", 66) {
    a.trust(b.author(), "b");
    b.trust(a.author(), "a");
    mallory.be_trusted();
    for (int i = 0; i < 20; ++i) insert(i % 2 == 0 ? a : b, fmt::format("s{}", i));
    a.rendezvous = {"b"};
    a.start();
    b.start();
    REQUIRE(world.run_until([&] { return count(a) == 20 && count(b) == 20; }, 10s));
  }

  /// The two of them still are, still talk, and nothing came between them.
  void check_no_effect_on_others() {
    const auto before = count(a);
    insert(b, "after");
    insert(a, "after");
    CHECK(world.run_until([&] { return count(a) >= before + 2 && count(a) == count(b); }, 3s));
    CHECK(a.state_digest() == b.state_digest());
    for (const SimNode* node : {&a, &b}) {
      for (const sync::Event& event : node->events) {
        INFO(event.what << ": " << event.detail);
        CHECK((event.peer != to_hex(a.author().key) && event.peer != to_hex(b.author().key)));
      }
    }
    CHECK(a.engine().connected() >= 1);
  }

  SyncWorld world;
  SimNode& a;
  SimNode& b;
  HostileNode mallory;
};

TEST_CASE("sync attacks: who breaks the protocol is dropped, and the operator is told how", "[sync]") {
  struct Expected {
    Attack attack;
    std::string words;
  };
  const auto expected = GENERATE(values<Expected>({
      {Attack::random_bytes, ""},
      {Attack::truncated_frame, "in a message \"ops\": the message ends early"},
      {Attack::flipped_frame, ""},
      {Attack::giant_count, "ids: 4294967295 of them, and 1024 are the most"},
      {Attack::too_deep_json, "an op that does not hold: oversized"},
      {Attack::seq_above_depth, "breaks a rule: seq_out_of_bounds"},
      {Attack::story_mismatch, "breaks a rule: story_mismatch"},
      {Attack::wrong_prev, "breaks a rule: prev_mismatch"},
      {Attack::bad_signature, "an op that does not hold: bad_signature"},
      {Attack::foreign_document, "an op that does not hold: wrong_document"},
      {Attack::lying_position, "a second position"},
      {Attack::false_ack, "it acknowledges what was not sent"},
      {Attack::beyond_window, "ops out of order, or more than were asked for"},
      {Attack::greeting_again, "a greeting after the handshake"},
      {Attack::serial_gap, "ops out of order, or more than were asked for"},
      {Attack::false_absent, "it has not got an op that it named, or that its ops depend on"},
      {Attack::samples_flood, "samples of what was not wanted"},
      {Attack::lying_samples, "samples of what was not wanted"},
  }));
  INFO(to_string(expected.attack));
  Scene scene(static_cast<std::uint64_t>(expected.attack) + 1);
  const auto link = scene.mallory.connect(scene.a);
  const auto before = count(scene.a);
  scene.mallory.attack(expected.attack, *link);
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 5s));
  CHECK(link->ended()->code == sync::CloseCode::violation);
  INFO(scene.a.events.back().detail);
  CHECK(scene.a.saw("peer disconnected", expected.words));
  CHECK(scene.a.engine().totals().violations == 1);
  if (expected.attack != Attack::beyond_window) CHECK(count(scene.a) == before);  // it begins with an op that is valid
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: what only wastes its own time goes on, and costs nobody else anything", "[sync]") {
  const auto attack =
      GENERATE(Attack::missing_dependencies, Attack::unknown_authors, Attack::clock_ahead, Attack::lying_tips,
               Attack::want_flood, Attack::tips_flood, Attack::reconcile_flood, Attack::duplicates);
  INFO(to_string(attack));
  Scene scene(static_cast<std::uint64_t>(attack) + 100);
  const auto link = scene.mallory.connect(scene.a);
  scene.mallory.attack(attack, *link);
  scene.world.run_for(5s);
  CHECK_FALSE(link->closed());
  CHECK(count(scene.a) == (attack == Attack::clock_ahead ? 21 : 20));
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: who says that it has an op of the victim's key holds up its writes for half a minute in all",
          "[sync]") {
  Scene scene(11);
  const auto begin = [](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    return {};
  };
  std::chrono::milliseconds held{};
  const auto hold_on = [&] {
    for (int quarters = 0; quarters < 4 * 20; ++quarters) {
      scene.world.run_for(250ms);
      if (!scene.a.write(begin)) held += 250ms;
    }
  };
  for (int connections = 0; connections < 4; ++connections) {
    const auto link = scene.mallory.connect(scene.a);
    scene.mallory.attack(Attack::own_op_claimed, *link);
    hold_on();
    CHECK_FALSE(link->closed());
    CHECK(scene.a.saw("own ops named", "it says that it has op"));
    scene.a.events.clear();
    if (connections == 0) CHECK(held >= 19s);
    if (connections > 1) CHECK(scene.a.write(begin));  // its word holds nothing any more
    scene.mallory.leave();
    CHECK(scene.world.run_until([&] { return scene.a.write(begin); }, 11s));  // it hears of it
  }
  CHECK(held <= 32s);
  CHECK_FALSE(scene.a.own_elsewhere);
  const auto noted = noted_tip(scene.a.log().info(), scene.a.author(), scene.a.path().parent_path() / "state-a");
  CHECK((!noted || noted->index < OpIndex{1'000}));
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: of a flood of questions only a few are looked up at a time", "[sync]") {
  const auto attack = GENERATE(Attack::want_flood, Attack::ask_flood, Attack::tips_flood, Attack::reconcile_flood);
  INFO(to_string(attack));
  Scene scene(7);
  const auto link = scene.mallory.connect(scene.a);
  std::size_t most = 0;
  scene.a.on_read = [&](std::size_t under_way) { most = std::max(most, under_way); };
  scene.mallory.attack(attack, *link);
  scene.world.run_for(5s);
  CHECK(most > 0);
  CHECK(most <= 20);  // two for each of 8 questions, and what the other connection reads
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: of what is asked for no more is sent than is acknowledged, nor remembered", "[sync]") {
  Scene scene(8);
  const bool others = GENERATE(false, true);
  for (int i = 0; i < 20; ++i) insert_large(scene.a, fmt::format("large{}", i), 200'000);
  const auto link = scene.mallory.connect(scene.a);
  const auto bytes = [&] {
    std::size_t sum = 0;
    for (const sync::Message& message : link->got()) {
      if (std::holds_alternative<sync::Ops>(message)) sum += sync::encode(message).size();
    }
    return sum;
  };
  const auto tips = scene.a.log().tips();
  REQUIRE(tips);
  link->send(sync::Ask{{tips->front().id}});
  REQUIRE(scene.world.run_until([&] { return bytes() > 0; }, 5s));
  if (others) {
    REQUIRE(scene.a.write([&](Replica& replica) -> Result<void> {
      MUSHER_TRY(auto own, OwnWrite::begin(replica));
      for (int i = 0; i < 9'000; ++i) {
        MUSHER_CHECK(own.append({OpKind::insert, OpId{}, fmt::format("small{}", i), "{}", {}}));
      }
      return own.commit();
    }));
    sync::Ask ask;
    REQUIRE(scene.a.log().scan(RowId{0}, RowId{INT64_MAX}, [&](ScannedRow&& row) {
      ask.ids.push_back(std::get<OpRow>(row).id);
      if (ask.ids.size() == sync::kMaxIds) link->send(std::exchange(ask, {}));
      return true;
    }));
  } else {
    scene.mallory.attack(Attack::ask_flood, *link);
  }
  scene.world.run_for(20s);
  // It acknowledges nothing: one window, and no more.
  CHECK(bytes() < 5'000'000);
  CHECK(link->closed() == others);
  CHECK(scene.a.saw("peer disconnected", "it asks for more and does not take what it asked for") == others);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: an op that is asked for a thousand times in one message is sent once", "[sync]") {
  Scene scene(12);
  const auto link = scene.mallory.connect(scene.a);
  scene.world.run_for(2s);
  const auto before = scene.a.engine().totals().ops_sent;
  const auto tips = scene.a.log().tips();
  REQUIRE(tips);
  link->send(sync::Ask{std::vector(sync::kMaxIds, tips->front().id)});
  scene.world.run_for(2s);
  CHECK(scene.a.engine().totals().ops_sent == before + 1);
  CHECK_FALSE(link->closed());
}

TEST_CASE("sync attacks: who sends an op that breaks a rule is dropped also when what it depends on has to wait",
          "[sync]") {
  Scene scene(13);
  const auto stranger = scene.mallory.of_strangers(1);
  const SignedOp bad =
      scene.mallory.write(OpKind::insert, {}, "too_far", {op_id(canonical_bytes(stranger.front().op))}, Seq{1'000'000});
  std::shared_ptr<HostileLink> link = scene.mallory.connect(scene.a);
  SECTION("in one message") { link->send_ops({stranger.front(), bad}); }
  SECTION("in two, and the op first") {
    link->send_ops({bad});
    link->send_ops(stranger);
  }
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 5s));
  CHECK(link->ended()->code == sync::CloseCode::violation);
  CHECK(scene.a.saw("peer disconnected", "breaks a rule: seq_out_of_bounds"));

  scene.world.run_for(60s);  // the door is open again
  link = scene.mallory.connect(scene.a);
  const auto waits = waiting(scene.a);
  link->send_ops({bad});  // what it depends on may be gone by now: what it was found to be is known
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 5s));
  CHECK(link->ended()->code == sync::CloseCode::violation);
  CHECK(waiting(scene.a) == waits);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: more bytes than the window are not kept", "[sync]") {
  Scene scene(9);
  const auto link = scene.mallory.connect(scene.a);
  scene.a.hold_verdicts = true;  // none of it is verified meanwhile
  SignedOp large = scene.mallory.fork("large");
  large.content = "{\"a\":\"" + std::string(1'000'000, 'x') + "\"}";
  large = resigned(scene.mallory.identity(), large);
  for (int i = 0; i < 40 && !link->closed(); ++i) {
    link->send_ops({large});
    scene.world.run_for(100ms);
  }
  REQUIRE(link->closed());
  CHECK(link->ended()->code == sync::CloseCode::violation);
  scene.a.hold_verdicts = false;
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: ops that wait for what never comes fill the quarantine with themselves alone", "[sync]") {
  Scene scene(10);
  const auto link = scene.mallory.connect(scene.a);
  const auto stranger = HostileNode(scene.world, "s", 70).orphans(1);
  REQUIRE(scene.a.write([&](Replica& replica) -> Result<void> {
    MUSHER_CHECK(admit(replica, stranger.front(), "import"));
    return {};
  }));
  const bool of_strangers = GENERATE(false, true);
  const std::uint64_t most = scene.a.most_waiting();
  for (std::size_t sent = 0; sent < most + 1'000; sent += 250) {
    link->send_ops(of_strangers ? scene.mallory.of_strangers(250) : scene.mallory.orphans(250));
    scene.world.run_for(100ms);
  }
  scene.world.run_for(2s);
  CHECK_FALSE(link->closed());
  CHECK(scene.a.saw("quarantine full", "some of what waited was given up"));
  CHECK(scene.a.saw("ops miss others", "depend on more than 1024") == !of_strangers);
  CHECK(waiting(scene.a) == most);
  CHECK(*scene.a.log().in_quarantine(op_id(canonical_bytes(stranger.front().op))));  // it came before all of them
  CHECK(count(scene.a) == 20);
  scene.check_no_effect_on_others();
}

TEST_CASE(
    "sync attacks: large ops that wait are stored in small transactions, and acknowledged when all of a message are",
    "[sync]") {
  Scene scene(16);
  const auto link = scene.mallory.connect(scene.a);
  link->send_ops(scene.mallory.orphans(10));
  REQUIRE(scene.world.run_until([&] { return link->count<sync::Ack>() == 1; }, 2s));
  std::vector<SignedOp> wide = scene.mallory.orphans(200);
  for (SignedOp& op : wide) {
    for (int parent = 0; parent < 64; ++parent) op.op.parents.push_back(OpId{random_id<Digest>().bytes});
    std::ranges::sort(op.op.parents);
    op = resigned(scene.mallory.identity(), op);
  }
  link->send_ops(wide);
  for (int step = 0; step < 2'000 && waiting(scene.a) == 10; ++step) scene.world.run_for(1ms);
  CHECK(waiting(scene.a) < 100);
  CHECK(link->count<sync::Ack>() == 1);
  REQUIRE(scene.world.run_until([&] { return link->count<sync::Ack>() == 2; }, 2s));
  CHECK(waiting(scene.a) == 210);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: what came before an op that does not hold is in, and nothing behind it", "[sync]") {
  Scene scene(17);
  const auto link = scene.mallory.connect(scene.a);
  std::vector<SignedOp> ops;
  for (int i = 0; i < 3; ++i) ops.push_back(scene.mallory.write(OpKind::insert, OpId{}, fmt::format("m{}", i), {}));
  ops[1].signature.bytes[40] ^= 1;
  link->send_ops(ops);
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 2s));
  CHECK(count(scene.a) == 21);
  CHECK(waiting(scene.a) == 1);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: who connects and says nothing keeps nobody out", "[sync]") {
  Scene scene(15);
  scene.a.crash();
  std::vector<std::shared_ptr<HostileLink>> silent;
  while (silent.size() < scene.b.limits.unproven) silent.push_back(scene.mallory.dial(scene.b, false));
  scene.a.start();
  insert(scene.b, "new");
  CHECK(scene.world.run_until([&] { return count(scene.a) == 21; }, 3s));
  CHECK(silent.front()->closed());
  CHECK_FALSE(silent.back()->closed());
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: a flood of connections displaces itself, and not who needs two round trips", "[sync]") {
  Scene scene(16);
  scene.a.crash();
  scene.a.start();
  insert(scene.b, "new");
  bool in = false;
  for (int turn = 0; turn < 1'000 && !in; ++turn) {
    for (std::size_t n = 0; n < scene.b.limits.unproven; ++n) scene.mallory.dial(scene.b, false);
    in = scene.world.run_until([&] { return count(scene.a) == 21; }, 1ms);
  }
  CHECK(in);
}

TEST_CASE("sync attacks: who never acknowledges is dropped as too slow, after one window", "[sync]") {
  Scene scene(11);
  for (int i = 0; i < 3'000; ++i) insert(scene.a, fmt::format("t{}", i));
  const auto link = scene.mallory.connect(scene.a);
  link->on_message = [&](const sync::Message& message) {
    if (const auto* tips = std::get_if<sync::Tips>(&message)) {
      sync::Want want{.round = tips->round, .branches = {}, .last = true};
      for (const Tip& tip : tips->tips) want.branches.push_back({tip.id, {}});
      link->send(want);
    }
  };
  link->send(sync::Reconcile{});
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 60s));
  CHECK(link->ended()->code == sync::CloseCode::too_slow);
  CHECK(scene.a.saw("peer disconnected", "too-slow: nothing was acknowledged in time"));
  std::size_t ops = 0;
  for (const sync::Message& message : link->got()) {
    if (const auto* given = std::get_if<sync::Ops>(&message)) ops += given->ops.size();
  }
  CHECK(ops >= 2'048);
  CHECK(ops < 2'048 + sync::kMaxBatchOps);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: two branches told to two nodes end up on both, and the key is known for it", "[sync]") {
  Scene scene(12);
  const auto to_a = scene.mallory.connect(scene.a);
  const auto to_b = scene.mallory.connect(scene.b);
  to_a->send_ops({scene.mallory.fork("one")});
  to_b->send_ops({scene.mallory.fork("two")});
  REQUIRE(scene.world.run_until([&] { return count(scene.a) == 22 && count(scene.b) == 22; }, 10s));
  for (SimNode* node : {&scene.a, &scene.b}) {
    const auto pair = node->log().ops_at(scene.mallory.author(), OpIndex{1});
    REQUIRE(pair);
    CHECK(pair->size() == 2);
  }
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: ops before anybody said where they stand are not taken", "[sync]") {
  Scene scene(13);
  const auto link = scene.mallory.dial(scene.a);
  link->silent = true;
  bool sent = false;
  link->on_message = [&](const sync::Message& message) {
    if (sent || !std::holds_alternative<sync::Position>(message)) return;
    sent = true;
    link->send_ops({scene.mallory.write(OpKind::insert, {}, "early", {})});
  };
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 10s));
  CHECK(link->ended()->code == sync::CloseCode::violation);
  CHECK(scene.a.saw("peer disconnected", "a message \"ops\" before it was said where both stand"));
  CHECK(count(scene.a) == 20);
  scene.world.run_for(3s);
  CHECK_FALSE(record_of(scene.a, AuthorId{}));  // nor is a peer without a key written down
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: who connects and says nothing is given up after ten seconds", "[sync]") {
  Scene scene(18);
  const auto link = scene.mallory.dial(scene.a, false);
  scene.world.run_for(9s);
  CHECK_FALSE(link->closed());
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 2s));
  CHECK(link->ended()->code == sync::CloseCode::timed_out);
  CHECK(scene.a.saw("connection refused", "the handshake took too long"));
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: what an op depends on and is not here is asked for by id; the mark behind it says nothing",
          "[sync]") {
  Scene scene(19);
  const auto link = scene.mallory.connect(scene.a);
  std::vector<OpId> asked;
  link->on_message = [&](const sync::Message& message) {
    if (const auto* ask = std::get_if<sync::Ask>(&message)) asked.insert(asked.end(), ask->ids.begin(), ask->ids.end());
  };
  const SignedOp first = scene.mallory.write(OpKind::insert, OpId{}, "first", {});
  const SignedOp second = scene.mallory.write(OpKind::insert, OpId{}, "second", {});
  link->send_ops({second}, LogMark{RowId{2}, {}});
  REQUIRE(scene.world.run_until([&] { return !asked.empty(); }, 2s));
  CHECK(asked == std::vector{second.op.prev});
  CHECK(count(scene.a) == 20);

  SECTION("it comes, and both are in, everywhere") {
    link->send_ops({first});
    CHECK(scene.world.run_until([&] { return count(scene.a) == 22 && count(scene.b) == 22; }, 2s));
    CHECK(waiting(scene.a) == 0);
  }
  SECTION("the connection breaks before it comes: the next one goes by tips") { scene.mallory.leave(); }
  scene.world.run_for(3s);
  REQUIRE(record_of(scene.a, scene.mallory.author()));
  CHECK_FALSE(record_of(scene.a, scene.mallory.author())->heard);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: who says nothing behind the handshake is given up", "[sync]") {
  Scene scene(14);
  const auto link = scene.mallory.dial(scene.a);
  link->silent = true;
  REQUIRE(scene.world.run_until([&] { return link->closed(); }, 60s));
  CHECK(link->ended()->code == sync::CloseCode::timed_out);
  CHECK(scene.a.saw("peer disconnected", "it does not say where it stands"));
}

TEST_CASE("sync attacks: a mark that this log never had is answered with tips", "[sync]") {
  Scene scene(15);
  const auto link = scene.mallory.dial(scene.a);
  link->position = GENERATE(LogMark{RowId{INT64_MAX}, {}}, LogMark{RowId{5}, {}}, LogMark{RowId{0}, {}});
  REQUIRE(scene.world.run_until([&] { return link->open(); }, 10s));
  CHECK(link->count<sync::Tips>() == 1);
  CHECK(link->count<sync::Resume>() == 0);
  scene.check_no_effect_on_others();
}

TEST_CASE("sync attacks: a violation shuts the door for a while, and not for ever", "[sync]") {
  Scene scene(16);
  scene.mallory.attack(Attack::greeting_again, *scene.mallory.connect(scene.a));
  scene.world.run_for(500ms);
  // It comes back several times a second all the while.
  std::shared_ptr<HostileLink> back;
  int refused = 0;
  REQUIRE(scene.world.run_until(
      [&] {
        if (!back || back->closed()) back = scene.mallory.dial(scene.a);
        scene.world.run_for(200ms);
        if (back->closed() && back->ended()->code == sync::CloseCode::violation) ++refused;
        return back->open();
      },
      5s));
  CHECK(refused > 0);
  CHECK(scene.a.engine().totals().violations == 1);
  CHECK_FALSE(record_of(scene.a, AuthorId{}));
}

}  // namespace
}  // namespace musher::testing
