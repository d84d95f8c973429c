// What nodes come back from: a file that went back to an old copy, trust that came late, a quarantine that was full,
// two nodes that dial each other, a peer that is revoked.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "model/text.hpp"
#include "support/log_builder.hpp"
#include "support/raw_database.hpp"
#include "support/signed_ops.hpp"
#include "support/sync_attacks.hpp"
#include "support/sync_pair.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("sync: a file that went back to an old copy gets its ops back; until then its key does not write", "[sync]") {
  Pair pair(1);
  insert(pair.a, "first");
  pair.start();
  REQUIRE(pair.are_equal(1));
  pair.a.crash();
  pair.a.back_up();
  pair.a.start();
  insert(pair.a, "second", 10);
  REQUIRE(pair.are_equal(11));
  pair.world.run_for(3s);  // what both know of each other is written down
  pair.a.crash();
  pair.a.restore();
  CHECK(count(pair.a) == 1);

  SECTION("the note in its state folder refuses at once") {
    CHECK_FALSE(try_insert(pair.a, "third"));
    pair.a.start();
    CHECK(pair.are_equal(11));
  }
  SECTION("without the note what a peer has refuses, from the moment it is known") {
    std::filesystem::remove_all(pair.a.path().parent_path() / "state-a");
    pair.world.weather.least_latency = pair.world.weather.most_latency = 300ms;
    pair.a.start();
    REQUIRE(pair.world.run_until([&] { return pair.a.lost_its_tail(); }, 20s));
    CHECK_FALSE(try_insert(pair.a, "third"));
    // Named by tips, which nobody signs; then the newest is shown, before what it depends on.
    CHECK_FALSE(pair.a.own_elsewhere);
    REQUIRE(pair.world.run_until([&] { return pair.a.own_elsewhere.has_value(); }, 2s));
    CHECK(pair.a.own_elsewhere->index == OpIndex{11});
    CHECK(pair.are_equal(11));
  }
  CHECK(pair.a.saw("own ops elsewhere", "index 11"));
  CHECK_FALSE(pair.a.lost_its_tail());
  insert(pair.a, "third");
  CHECK(pair.are_equal(12));
  CHECK(pair.a.state_digest() == pair.b.state_digest());
}

TEST_CASE("sync: where one of two marks fails both ends go by tips, and forget their own marks first", "[sync]") {
  Pair pair(24);
  insert(pair.a, "first");
  pair.start();
  REQUIRE(pair.are_equal(1));
  pair.world.run_for(3s);
  pair.a.crash();
  pair.a.back_up();
  pair.a.start();
  insert(pair.a, "second", 10);
  REQUIRE(pair.are_equal(11));
  pair.world.run_for(3s);
  pair.a.crash();
  pair.a.restore();
  const auto mark_of_b = record_of(pair.a, pair.b.author())->heard;  // this one holds
  const auto mark_of_a = record_of(pair.b, pair.a.author())->heard;
  REQUIRE(mark_of_b);
  REQUIRE(mark_of_a);
  std::size_t tips = 0;
  bool ops_came_first = false, is_kept = false;
  pair.world.tap = [&](std::string_view bytes) {
    const auto message = sync::decode(bytes);
    if (!message) return;
    if (const auto* ops = std::get_if<sync::Ops>(&*message)) ops_came_first |= !ops->ops.empty() && tips < 2;
    const auto* said = std::get_if<sync::Tips>(&*message);
    if (said == nullptr) return;
    ++tips;
    is_kept |= said->upto.row == RowId{1} ? record_of(pair.a, pair.b.author())->heard == mark_of_b
                                          : record_of(pair.b, pair.a.author())->heard == mark_of_a;
  };
  pair.a.start();
  CHECK(pair.are_equal(11));
  CHECK(tips == 2);
  CHECK_FALSE(ops_came_first);
  CHECK_FALSE(is_kept);
}

TEST_CASE("sync: an op that let in late is given back to who sent it, and lost it since", "[sync]") {
  Pair pair(31);
  SimNode& c = pair.add_behind_b();
  insert(pair.a, "first");
  pair.start();
  REQUIRE(pair.are_equal(1));
  pair.b.crash();
  pair.b.back_up();
  pair.b.start();
  c.start();
  insert(c, "theirs");
  REQUIRE(pair.world.run_until([&] { return count(pair.b) == 2 && waiting(pair.a) == 1; }, 20s));
  c.crash();  // nobody else has it now but a, where it waits
  pair.world.run_for(3s);
  pair.b.crash();
  pair.b.restore();
  pair.b.start();
  pair.world.run_for(20s);  // by tips, and with good marks from then on
  REQUIRE(count(pair.b) == 1);
  pair.a.crash();
  pair.a.start();
  pair.world.run_for(20s);
  pair.a.trust(c.author(), "c");
  CHECK(pair.are_equal(2));
}

TEST_CASE("sync: of a peer with nothing to send and nothing to get it is written down that it has all", "[sync]") {
  for (const std::uint64_t seed : {33U, 34U, 35U, 36U, 37U, 38U}) {
    Pair pair(seed);
    pair.world.weather.most_latency = 500ms;
    pair.a.limits.record_every = pair.b.limits.record_every = 1ms;  // also between the two verdicts
    insert(pair.a, "first", 10);
    pair.start();
    REQUIRE(pair.are_equal(10));
    pair.world.run_for(5s);
    pair.a.crash();
    pair.a.start();
    pair.world.run_for(20s);
    CHECK(record_of(pair.a, pair.b.author())->acknowledged == RowId{10});
    CHECK(record_of(pair.b, pair.a.author())->acknowledged == RowId{10});
  }
}

TEST_CASE("sync: a log of more branches than one queue holds the tips of is compared all the same", "[sync]") {
  Pair pair(32);
  insert(pair.a, "first");
  // The op of none of these is there: what counts is that they are named, and wanted, within the limits of the link.
  RawDatabase(pair.a.path())
      .exec(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) INSERT INTO tips "
          "(author, idx, op_id) SELECT randomblob(32), 1, randomblob(32) FROM n");
  insert(pair.b, "second");
  pair.start();
  CHECK(pair.are_equal(2, 60s));
  CHECK(pair.a.engine().totals().violations + pair.b.engine().totals().violations == 0);
  CHECK(pair.a.events.empty());
  CHECK(pair.b.events.empty());
}

TEST_CASE("sync: a file that went back, killed again before its ops have come, gets them all the same", "[sync]") {
  Pair pair(23);
  insert(pair.b, "theirs");
  insert(pair.a, "first");
  pair.start();
  REQUIRE(pair.are_equal(2));
  pair.world.run_for(3s);
  pair.a.crash();
  pair.a.back_up();  // with a mark of b that goes on holding
  pair.a.start();
  insert(pair.a, "second", 10);
  REQUIRE(pair.are_equal(12));
  pair.world.run_for(3s);
  pair.a.crash();
  pair.a.restore();
  std::filesystem::remove_all(pair.a.path().parent_path() / "state-a");
  // It says what it has, b has all of that, and so b's mark of it holds again; then it is gone.
  pair.a.hold_verdicts = true;
  pair.a.limits.record_every = 1h;
  pair.world.weather.least_latency = pair.world.weather.most_latency = 1ms;
  bool b_has_a_mark = false;
  pair.world.tap = [&](std::string_view bytes) {
    const auto message = sync::decode(bytes);
    const auto* ops = message ? std::get_if<sync::Ops>(&*message) : nullptr;
    b_has_a_mark |= ops != nullptr && ops->ops.empty() && ops->upto && ops->upto->row == RowId{2};
  };
  pair.a.start();
  for (int step = 0; step < 20'000 && !b_has_a_mark; ++step) pair.world.run_for(1ms);
  REQUIRE(b_has_a_mark);
  pair.world.run_for(10ms);
  pair.a.crash();
  CHECK(count(pair.a) == 2);
  pair.a.hold_verdicts = false;
  pair.a.start();
  CHECK(pair.are_equal(12));
  CHECK(pair.a.state_digest() == pair.b.state_digest());
}

/// One node that four others dial.
struct Star {
  SyncWorld world;
  SimNode& a;
  std::vector<SimNode*> others{};

  explicit Star(std::uint64_t seed) : world(seed), a(world.add("a")) {
    for (const char* name : {"b", "c", "d", "e"}) {
      SimNode& other = world.add(name);
      trust_each_other(a, other);
      other.rendezvous = {"a"};
      others.push_back(&other);
    }
    a.limits.window_ops = 256;
  }

  /// Until all of them have one op.
  void start() {
    for (const auto& node : world.nodes()) node->start();
    insert(a, "before");
    REQUIRE(world.run_until([&] { return have(4, 1); }, 20s));
    world.run_for(3s);
  }

  /// Whether the first of the others have so many ops.
  [[nodiscard]] bool have(std::ptrdiff_t peers, std::uint64_t ops) const {
    return std::all_of(others.begin(), others.begin() + peers, [&](SimNode* other) { return count(*other) == ops; });
  }
};

TEST_CASE("sync: one of four peers takes nothing: the others have all of it, and it goes on where it stopped",
          "[sync]") {
  Star star(24);
  auto& [world, a, others] = star;
  star.start();
  SimNode& stalled = *others.back();
  stalled.hold_verdicts = true;
  insert(a, "burst", 1'000);
  CHECK(world.run_until([&] { return star.have(3, 1'001); }, 20s));
  CHECK(count(stalled) == 1);
  REQUIRE(
      world.run_until([&] { return a.saw("peer disconnected", "too-slow: nothing was acknowledged in time"); }, 60s));
  for (SimNode* other : others) CHECK((other == &stalled) == other->saw("peer disconnected", "too-slow"));

  stalled.hold_verdicts = false;
  const auto sent_before = a.engine().totals().ops_sent;
  CHECK(world.run_until([&] { return count(stalled) == 1'001; }, 60s));
  CHECK(a.engine().totals().ops_sent == sent_before + 1'000);  // what it acknowledged once is not sent again
  CHECK(stalled.state_digest() == a.state_digest());
}

TEST_CASE("sync: with one of four peers stalled the other three are no later than without it", "[sync]") {
  const auto time_of_three = [](bool stall) {
    Star star(25);
    auto& [world, a, others] = star;
    world.weather.least_latency = world.weather.most_latency = 5ms;
    star.start();
    others.back()->hold_verdicts = stall;
    // Several windows, and for longer than a peer may take nothing.
    constexpr int kBursts = 10, kOps = 300;
    std::chrono::microseconds late{0};
    for (int burst = 0; burst < kBursts; ++burst) {
      insert(a, fmt::format("burst{}_", burst), kOps);
      const auto written = world.now();
      REQUIRE(world.run_until([&] { return star.have(3, 1 + static_cast<std::uint64_t>((burst + 1) * kOps)); }, 20s));
      late += world.now() - written;
      world.run_for(5s);
    }
    CHECK(star.have(4, 1 + kBursts * kOps) == !stall);
    CHECK(a.saw("peer disconnected", "too-slow") == stall);
    return late;
  };
  const auto well = time_of_three(false);
  CHECK(well > 50ms);
  CHECK(time_of_three(true) * 100 <= well * 105);
}

TEST_CASE("sync: ops that came without a mark go back to where they came from, when they were lost there", "[sync]") {
  Pair pair(2);
  insert(pair.b, "first");
  pair.start();
  REQUIRE(pair.are_equal(1));
  pair.world.run_for(3s);
  pair.b.crash();
  pair.b.back_up();
  // b knows nothing of a any more, so that both go by tips; and is gone before all of it is sent.
  insert(pair.b, "second", 2'000);
  RawDatabase(pair.b.path()).exec("DELETE FROM peers");
  pair.b.limits.window_ops = 256;
  pair.world.weather.least_latency = pair.world.weather.most_latency = 200ms;
  pair.b.start();
  REQUIRE(pair.world.run_until([&] { return count(pair.a) > 1; }, 20s));
  pair.b.crash();
  const auto sent = count(pair.a);
  REQUIRE(sent < 2'001);
  // The copy has the mark of a that it had, and holds; a has one of b from before.
  pair.b.restore();
  pair.b.start();
  CHECK(pair.are_equal(sent));
}

TEST_CASE("sync: trust that comes late needs no restart", "[sync]") {
  Pair pair(3);
  SimNode& c = pair.add_behind_b();
  const bool overflow = GENERATE(false, true);
  const bool first_contact = GENERATE(false, true);  // they come as what a wants, and not one by one
  CAPTURE(overflow, first_contact);
  const std::uint64_t most = pair.a.most_waiting();
  const int ops = overflow ? static_cast<int>(most) + 300 : 30;
  insert(c, "by_c", ops);
  pair.b.start();
  c.start();
  if (!first_contact) pair.a.start();
  REQUIRE(pair.world.run_until([&] { return count(pair.b) == static_cast<std::uint64_t>(ops); }, 60s));
  pair.a.start();
  const std::uint64_t kept = std::min<std::uint64_t>(static_cast<std::uint64_t>(ops), most);
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) == kept; }, 60s));
  pair.world.run_for(3s);
  CHECK(count(pair.a) == 0);
  CHECK(record_of(pair.a, pair.b.author())->heard.has_value() == !overflow);
  pair.a.trust(c.author(), "c");
  CHECK(pair.are_equal(static_cast<std::uint64_t>(ops), 60s));
  CHECK(waiting(pair.a) == 0);
  CHECK(pair.a.state_digest() == pair.b.state_digest());
}

TEST_CASE("sync: an op whose content is gone everywhere reaches a new node, however far behind it its erase is",
          "[sync]") {
  Pair pair(21);
  pair.a.limit_quarantine({});
  OpId secret;
  REQUIRE(pair.b.write([&](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    MUSHER_TRY(const OpRow story, own.append({OpKind::insert, OpId{}, "477_story_base", "{}", {}}));
    MUSHER_TRY(const OpRow set, own.append({OpKind::set, story.id, "name", "\"secret\"", {}}));
    secret = set.id;
    return own.commit();
  }));
  insert(pair.b, "later", 2'500);
  REQUIRE(pair.b.write([&](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    MUSHER_CHECK(own.append({OpKind::erase, secret, "", std::nullopt, {}}));
    return own.commit();
  }));
  RawDatabase(pair.b.path()).exec("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 2");
  insert(pair.b, "behind");
  pair.start();
  CHECK(pair.are_equal(2'504, 60s));
  CHECK(waiting(pair.a) == 0);
  CHECK(pair.a.state_digest() == pair.b.state_digest());
}

TEST_CASE("sync: whatever an unknown author wrote comes with the first op of a trusted one that depends on it",
          "[sync]") {
  Pair pair(22);
  pair.a.limit_quarantine({});
  SimNode& c = pair.add_behind_b();
  insert(c, "by_c", 2'500);
  pair.start();
  c.start();
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) == 2'500; }, 60s));
  CHECK(count(pair.a) == 0);
  insert(pair.b, "by_b");
  CHECK(pair.are_equal(2'501, 60s));
  CHECK(waiting(pair.a) == 0);
}

TEST_CASE("sync: what another peer's flood took out of the quarantine comes again", "[sync]") {
  Pair pair(4);
  SimNode& c = pair.add_behind_b();
  SimNode& d = pair.world.add("d");  // has all of it too, and brings it second
  trust_each_other(pair.a, d);
  trust_each_other(pair.b, d);
  d.trust(c.author(), "c");
  d.rendezvous = {"a", "b"};
  insert(c, "by_c", 1'200);
  pair.start();
  c.start();
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) == 1'200; }, 60s));
  d.start();
  REQUIRE(pair.world.run_until([&] { return count(d) == 1'200; }, 60s));
  pair.world.run_for(3s);
  CHECK(record_of(pair.a, pair.b.author())->heard);
  CHECK(record_of(pair.a, d.author())->heard);
  HostileNode mallory(pair.world, "m", 66);
  pair.a.trust(mallory.author(), "m");
  const auto link = mallory.connect(pair.a);
  for (int i = 0; i < 5; ++i) {
    link->send_ops(mallory.orphans(250));
    pair.world.run_for(100ms);
  }
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) == pair.a.most_waiting(); }, 10s));
  // b goes on: what it sends now must not bring back the mark over what was given up.
  insert(pair.b, "by_b");
  pair.world.run_for(5s);
  CHECK_FALSE(record_of(pair.a, pair.b.author())->heard);
  CHECK_FALSE(record_of(pair.a, d.author())->heard);
  pair.a.crash();
  const bool from_the_second = GENERATE(false, true);
  if (from_the_second) pair.b.crash();
  pair.a.trust(c.author(), "c");
  pair.a.start();
  CHECK(pair.world.run_until([&] { return count(pair.a) == 1'201; }, 60s));
  pair.b.start();
  CHECK(pair.are_equal(1'201, 60s));
  CHECK(pair.a.state_digest() == pair.b.state_digest());
}

TEST_CASE("sync: what another process took out of the quarantine while tips were answered comes again", "[sync]") {
  Pair pair(23);
  SimNode& c = pair.add_behind_b();
  HostileNode mallory(pair.world, "m", 66);
  insert(c, "by_c", 1'500);
  pair.b.limits.window_ops = 256;
  pair.b.start();
  c.start();
  REQUIRE(pair.world.run_until([&] { return count(pair.b) == 1'500; }, 60s));
  pair.world.weather.least_latency = pair.world.weather.most_latency = 200ms;
  pair.a.start();
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) > 1'000; }, 60s));
  REQUIRE(waiting(pair.a) < 1'500);
  {
    auto log = SqliteOpLog::open(pair.a.path(), OpenMode::write);
    REQUIRE(log);
    (*log)->limit_quarantine({.ops = 900});  // what comes after that finds room at a
    Replica other(*std::move(log), pair.a.replica().host());
    REQUIRE(admit(other, mallory.orphans(1).front(), "mallory"));
  }
  REQUIRE(waiting(pair.a) == 900);
  REQUIRE(pair.world.run_until([&] { return waiting(pair.a) > 1'000; }, 60s));
  pair.world.run_for(5s);
  CHECK_FALSE(record_of(pair.a, pair.b.author())->heard);
  pair.a.crash();
  pair.a.trust(c.author(), "c");
  pair.a.start();
  CHECK(pair.are_equal(1'500, 60s));
}

TEST_CASE("sync: a connection that ends late takes nothing back that a newer one has found out", "[sync]") {
  for (const std::uint64_t seed : {51U, 52U, 53U, 54U, 55U, 56U}) {
    SyncWorld world(seed);
    SimNode &a = world.add("a"), &b = world.add("b"), &c = world.add("c");
    trust_each_other(a, b);
    trust_each_other(b, c);
    b.rendezvous = {"a"};
    c.rendezvous = {"b"};
    insert(c, "by_c", 20);
    for (SimNode* node : {&a, &b, &c}) node->start();
    REQUIRE(world.run_until([&] { return waiting(a) == 20; }, 60s));
    world.run_for(5s);
    const auto mark = record_of(a, b.author())->heard;
    REQUIRE(mark);
    HostileNode mallory(world, "m", 66);
    {
      auto log = SqliteOpLog::open(a.path(), OpenMode::write);
      REQUIRE(log);
      (*log)->limit_quarantine({.ops = 1});
      Replica other(*std::move(log), a.replica().host());
      REQUIRE(admit(other, mallory.orphans(1).front(), "mallory"));
    }
    REQUIRE_FALSE(record_of(a, b.author())->heard);
    // b is gone without a word, is back, and gone again before its tips are answered. a hears late of all that.
    b.crash();
    b.start();
    world.weather.least_latency = world.weather.most_latency = 200ms;
    REQUIRE(world.run_until([&] { return record_of(a, b.author())->heard.has_value(); }, 8s));
    b.crash();
    world.run_for(30s);
    CHECK(record_of(a, b.author())->heard != mark);
    b.start();
    CHECK(world.run_until([&] { return waiting(a) >= 20; }, 60s));
  }
}

TEST_CASE("sync: a mark that was taken away while its connection broke does not come back", "[sync]") {
  SyncWorld world(61);
  world.weather.least_latency = world.weather.most_latency = 100us;
  SimNode& a = world.add("a");
  HostileNode peer(world, "peer", 66);
  peer.be_trusted();
  a.start();
  const LogMark mark{RowId{7}, Digest{{1, 2, 3}}};
  const auto link = connect_with_mark(peer, a, mark);
  // What came is not whole, and that it is not is being written down when the connection breaks.
  a.slow_writes = 20s;
  link->send_ops(peer.orphans(1));
  world.run_for(500ms);
  world.partition({{"a", 0}, {"peer", 1}});
  world.run_for(90s);
  CHECK(waiting(a) == 1);
  CHECK_FALSE(record_of(a, peer.author())->heard == mark);
}

/// One key on a chain of ops, and on as many branches behind its last as one likes.
class ForkingAuthor {
 public:
  ForkingAuthor(const DocumentId& document, std::uint64_t length) : verifier_(document) {
    op_.document = document;
    for (std::uint64_t index = 1; index <= length; ++index) {
      op_.index = OpIndex{index};
      op_.seq = Seq{index};
      chain_.push_back(next("chain"));
      op_.prev = chain_.back().id();
    }
    op_.index = OpIndex{length + 1};
    op_.seq = Seq{length + 1};
  }
  [[nodiscard]] AuthorId author() const { return identity_.author(); }
  [[nodiscard]] const std::vector<VerifiedOp>& chain() const { return chain_; }
  [[nodiscard]] std::vector<VerifiedOp> ends(std::uint64_t count, const std::string& name) {
    std::vector<VerifiedOp> ends;
    for (std::uint64_t number = 0; number < count; ++number) ends.push_back(next(fmt::format("{}_{}", number, name)));
    return ends;
  }

 private:
  VerifiedOp next(const std::string& story) {
    op_.name = story;
    return verifier_.verify(sign_op(identity_, op_, "{}").value().claim()).value();
  }

  const Identity identity_ = identity_of(77);
  const Verifier verifier_;
  Op op_;
  std::vector<VerifiedOp> chain_;
};

TEST_CASE("sync: a key on more branches than one queue holds the samples of is compared all the same", "[sync]") {
  Pair pair(33);
  constexpr std::uint64_t kChain = 1'000, kBranches = 12'000;  // of each eleven samples: 10 MB
  ForkingAuthor mallory(pair.world.document(), kChain);
  for (SimNode* node : {&pair.a, &pair.b}) {
    node->trust(mallory.author(), "mallory");
    must(admit_batch(node->replica(), mallory.chain(), "import", std::nullopt));
  }
  must(admit_batch(pair.a.replica(), mallory.ends(kBranches, "of_a"), "import", std::nullopt));
  must(admit_batch(pair.b.replica(), mallory.ends(1, "of_b"), "import", std::nullopt));
  pair.world.weather.least_latency = pair.world.weather.most_latency = 500ms;
  pair.start();
  CHECK(pair.are_equal(kChain + kBranches + 1, 180s));
  CHECK(pair.a.events.empty());
  CHECK(pair.b.events.empty());
}

TEST_CASE("sync: two ends that have more samples for each other than the links hold both come to an end", "[sync]") {
  Pair pair(34);
  constexpr std::uint64_t kChain = 1'000, kBranches = 4'000;
  ForkingAuthor mallory(pair.world.document(), kChain);
  for (SimNode* node : {&pair.a, &pair.b}) {
    node->trust(mallory.author(), "mallory");
    must(admit_batch(node->replica(), mallory.chain(), "import", std::nullopt));
    must(admit_batch(node->replica(), mallory.ends(kBranches, "of_" + node->name()), "import", std::nullopt));
  }
  pair.start();
  CHECK(pair.are_equal(kChain + 2 * kBranches, 180s));
  CHECK(pair.a.events.empty());
  CHECK(pair.b.events.empty());
}

TEST_CASE("sync: marks are stored though a write for the connection before ends when the next one has begun",
          "[sync]") {
  Pair pair(60);
  pair.a.rendezvous = {};
  pair.b.rendezvous = {"a"};
  pair.start();
  insert(pair.b, "first");
  REQUIRE(pair.are_equal(1));
  pair.world.run_for(5s);
  pair.a.slow_writes = 3s;
  insert(pair.b, "second");
  pair.world.run_for(200ms);  // it is being written
  REQUIRE(count(pair.a) == 1);
  pair.b.crash();
  insert(pair.b, "late", 10);  // so that what comes next has no mark in common with it
  pair.b.start();
  REQUIRE(pair.are_equal(12));
  pair.a.slow_writes = 0s;
  insert(pair.b, "latest", 3);
  REQUIRE(pair.are_equal(15));
  pair.world.run_for(5s);
  const auto stored = record_of(pair.a, pair.b.author());
  REQUIRE(stored);
  REQUIRE(stored->heard);
  CHECK(stored->heard->row == RowId{15});
}

TEST_CASE("sync: a peer that is revoked is let go, and let in again when it is trusted again", "[sync]") {
  Pair pair(5);
  insert(pair.a, "first");
  pair.start();
  REQUIRE(pair.are_equal(1));
  REQUIRE(pair.b.revoke(pair.a.author()));
  CHECK(pair.world.run_until(
      [&] { return pair.b.saw("peer disconnected", "not-trusted: its key is not trusted any more"); }, 2s));
  insert(pair.a, "second");
  pair.world.run_for(30s);
  CHECK(count(pair.b) == 1);
  CHECK(pair.a.saw("connection refused", "not-trusted"));
  pair.b.trust(pair.a.author(), "a");
  CHECK(pair.are_equal(2));
}

}  // namespace
}  // namespace musher::testing
