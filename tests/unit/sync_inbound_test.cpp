// What of a peer's ops goes into one write.
#include "sync/inbound.hpp"

#include <catch2/catch.hpp>

#include <deque>

#include "support/counting_reader.hpp"
#include "support/scratch_log.hpp"
#include "support/signed_ops.hpp"

namespace musher::sync {
namespace {

/// Verifies at once, and reads one log when a test says so; nothing is written.
class Instant final : public Services {
 public:
  std::unique_ptr<SqliteOpLog> log;
  std::deque<std::function<void()>> reads;
  std::uint64_t looked_up = 0;
  bool verifies = true;  ///< else it keeps what is to be verified
  std::vector<std::weak_ptr<std::vector<SignedOp>>> unverified{};
  bool is_full = false;
  /// @return how many there were.
  int run_reads() {
    int count = 0;
    for (; !reads.empty(); ++count) {
      const auto read = std::move(reads.front());
      reads.pop_front();
      read();
    }
    return count;
  }

  std::chrono::milliseconds now() override { return {}; }
  std::int64_t clock_ms() override { return 0; }
  void random(std::span<std::uint8_t>) override {}
  void read(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) override {
    reads.push_back([this, job, done] {
      testing::CountingReader counting(*log);
      auto result = job(counting);
      looked_up += counting.reads;
      done(std::move(result));
    });
  }
  void write(std::function<Result<void>(Replica&)>, std::function<void(Result<void>)>) override {}
  bool verify(const std::shared_ptr<std::vector<SignedOp>>& ops, std::function<void(Verified)> done) override {
    if (verifies) {
      done(Verified(ops->size(), testing::plain_signed(OpKind::insert)));
    } else {
      unverified.push_back(ops);
    }
    return !is_full;
  }
  std::function<void()> dial(const std::string&, std::function<void(Result<OpenLink>)>) override { return {}; }
};

/// One end of a connection, whose link takes what a test lets it.
struct Scene {
  testing::ScratchLog scratch;
  Instant services;
  Limits limits;
  std::vector<Message> sent;
  std::optional<Ending> ending;
  std::size_t queued = 0;
  bool takes_one = false;  ///< then the link takes no more for now
  std::vector<Tip> claims;
  bool holds = true;
  AuthorId self{testing::op_id_of(200).hash};
  std::shared_ptr<Inbound> inbound;

  Scene() {
    services.log = scratch.open(OpenMode::read);
    const auto ignore = [](const auto&...) {};
    inbound = std::make_shared<Inbound>(services, limits, self,
                                        Inbound::Hooks{[this](const std::string& bytes) {
                                                         sent.push_back(*decode(bytes));
                                                         if (takes_one) queued = kQueuedBytes;
                                                       },
                                                       [this](Ending end) { ending = std::move(end); }, ignore, [] {},
                                                       [this](const Tip& tip) {
                                                         claims.push_back(tip);
                                                         return holds;
                                                       },
                                                       ignore, ignore, [this] { return queued; }});
  }
  void take_tips(std::vector<Tip> tips, std::uint32_t round = 1) {
    inbound->take(Tips{.round = round, .upto = {}, .tips = std::move(tips), .last = true});
  }
  static Tip tip(std::uint8_t author, std::uint32_t number) {
    Tip tip{AuthorId{testing::op_id_of(author).hash}, OpIndex{5}, testing::op_id_of(1)};
    for (std::size_t i = 0; i < 4; ++i) tip.id.hash[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return tip;
  }
};

TEST_CASE("sync inbound: of a connection that is over nothing is held, and nothing is done any more", "[sync]") {
  Scene scene;
  scene.services.verifies = false;
  const SignedOp op = testing::plain_signed(OpKind::insert).claim();
  REQUIRE(scene.inbound->take(Ops{1, {}, {op, op}}, 2'000));
  REQUIRE(scene.services.unverified.size() == 1);
  CHECK_FALSE(scene.services.unverified.front().expired());
  scene.take_tips({{scene.self, OpIndex{1}, testing::op_id_of(9)}});
  REQUIRE(scene.services.reads.size() == 1);
  scene.inbound->stop();
  CHECK(scene.services.unverified.front().expired());
  scene.services.reads.front()();
  CHECK(scene.services.looked_up == 0);
  const std::weak_ptr<Inbound> gone = scene.inbound;
  scene.inbound.reset();
  CHECK(gone.expired());
  CHECK(scene.sent.empty());
}

TEST_CASE("sync inbound: where too many ops wait to be verified the connection ends, and they come again", "[sync]") {
  Scene scene;
  scene.services.verifies = false;
  scene.services.is_full = true;
  REQUIRE(scene.inbound->take(Ops{1, {}, {testing::plain_signed(OpKind::insert).claim()}}, 1'000));
  REQUIRE(scene.ending);
  CHECK(scene.ending->code == CloseCode::unavailable);
}

TEST_CASE("sync inbound: who floods the quarantine gets small transactions, whatever it sends in between", "[sync]") {
  Instant services;
  const Limits limits;
  const auto ignore = [](const auto&...) {};
  const auto inbound =
      std::make_shared<Inbound>(services, limits, AuthorId{},
                                Inbound::Hooks{ignore, ignore, ignore, [] {}, [](const Tip&) { return false; }, ignore,
                                               ignore, [] { return std::size_t{0}; }});
  std::uint64_t serial = 0;
  const auto send = [&](std::size_t ops) {
    std::vector<SignedOp> some(ops, testing::plain_signed(OpKind::insert).claim());
    REQUIRE(inbound->take(Ops{++serial, std::nullopt, std::move(some)}, 100 * ops));
  };
  constexpr std::size_t few = Inbound::kMostThatWait;
  send(few);
  send(few);
  auto work = inbound->take_ready();
  CHECK(work.ops.size() == 2 * few);
  BatchReport report;
  report.waiting = 2 * few;
  inbound->admitted(work, report);

  send(0);
  work = inbound->take_ready();
  CHECK(work.ops.empty());
  CHECK(work.last_serial == 3);
  inbound->admitted(work, {});

  send(few);
  send(few);
  work = inbound->take_ready();
  CHECK(work.ops.size() == few);
  report.waiting = 10;
  report.admitted = few - 10;
  inbound->admitted(work, report);
  send(few);
  CHECK(inbound->take_ready().ops.size() == 2 * few);
}

TEST_CASE("sync inbound: the answer to a sample goes behind all that is wanted", "[sync]") {
  Scene scene;
  std::vector<Tip> tips;
  for (std::uint32_t number = 0; number < 3'000; ++number) tips.push_back(Scene::tip(7, number));
  scene.takes_one = true;
  scene.take_tips(tips);
  scene.services.run_reads();
  REQUIRE(scene.sent.size() == 1);
  scene.inbound->take(Samples{.round = 1, .tip = tips[0].id, .ops = {tips[1]}});
  scene.services.run_reads();
  CHECK(scene.sent.size() == 1);
  scene.queued = 0;
  scene.takes_one = false;
  scene.inbound->pump();
  scene.services.run_reads();
  std::size_t branches = 0;
  REQUIRE(scene.sent.size() >= 2);
  for (std::size_t i = 0; i < scene.sent.size(); ++i) {
    const auto& want = std::get<Want>(scene.sent[i]);
    CHECK(want.last == (i + 2 >= scene.sent.size()));
    branches += want.branches.size();
  }
  CHECK(branches == tips.size() + 1);
  CHECK(std::get<Want>(scene.sent.back()).branches.front().tip == tips[0].id);
  CHECK_FALSE(scene.ending);
}

TEST_CASE("sync inbound: who takes nothing has no more compared than the link holds", "[sync]") {
  Scene scene;
  scene.queued = kQueuedBytes;
  std::vector<Tip> tips;
  for (std::uint32_t number = 0; number < 30'000; ++number) tips.push_back(Scene::tip(7, number));
  for (int times = 0; times < 8; ++times) {
    scene.take_tips(tips);
    CHECK(scene.services.run_reads() == 1);  // for own ops
  }
  CHECK(scene.sent.empty());
}

TEST_CASE("sync inbound: the last round alone is answered, and each is, whatever it has", "[sync]") {
  Scene scene;
  std::vector<Tip> tips;
  for (std::uint32_t number = 0; number < 3'000; ++number) tips.push_back(Scene::tip(7, number));
  scene.take_tips(tips, 1);
  scene.services.reads.front()();  // for own ops; the first part is being compared
  scene.services.reads.pop_front();
  CHECK(scene.inbound->looks_up());
  scene.inbound->take(Tips{.round = 2, .upto = {}, .tips = {tips[0]}, .last = false});
  scene.services.run_reads();
  CHECK(scene.sent.empty());
  scene.inbound->take(Tips{.round = 2, .upto = {}, .tips = {tips[1]}, .last = true});
  scene.services.run_reads();
  REQUIRE(scene.sent.size() == 1);
  CHECK(std::get<Want>(scene.sent[0]).round == 2);
  CHECK(std::get<Want>(scene.sent[0]).branches.size() == 2);
  CHECK(std::get<Want>(scene.sent[0]).last);
  scene.take_tips({}, 3);
  scene.services.run_reads();
  REQUIRE(scene.sent.size() == 2);
  CHECK(std::get<Want>(scene.sent[1]).last);
  CHECK_FALSE(scene.inbound->looks_up());
}

TEST_CASE("sync inbound: an own op that two rounds name is asked for once", "[sync]") {
  Scene scene;
  for (const std::uint32_t round : {1U, 2U}) {
    scene.take_tips({Scene::tip(200, 6)}, round);
    scene.services.run_reads();
  }
  const auto is_ask = [](const Message& message) { return std::holds_alternative<Ask>(message); };
  CHECK(std::ranges::count_if(scene.sent, is_ask) == 1);
  CHECK(scene.inbound->own_op_claimed().has_value());
  scene.take_tips({}, 3);
  scene.services.run_reads();
  CHECK_FALSE(scene.inbound->own_op_claimed().has_value());
}

TEST_CASE("sync inbound: samples of what was not wanted are no honest node's", "[sync]") {
  Scene scene;
  scene.take_tips({Scene::tip(7, 1)});
  scene.services.run_reads();
  REQUIRE(scene.sent.size() == 1);
  const Samples samples{.round = 1, .tip = Scene::tip(7, 1).id, .ops = {}};
  scene.inbound->take(samples);
  scene.services.run_reads();
  CHECK_FALSE(scene.ending);
  scene.inbound->take(samples);
  REQUIRE(scene.ending);
  CHECK(scene.ending->code == CloseCode::violation);
}

TEST_CASE("sync inbound: an own op that tips name is asked for first, and no more is asked than may be", "[sync]") {
  Scene scene;
  scene.holds = GENERATE(true, false);
  const auto asked = [&] {
    std::size_t ids = 0;
    for (const Message& message : scene.sent) {
      if (const auto* ask = std::get_if<Ask>(&message)) ids += ask->ids.size();
    }
    return ids;
  };
  BatchReport report;
  for (std::uint32_t number = 0; number < kMaxIds; ++number) report.missing.push_back(Scene::tip(9, number).id);
  scene.inbound->admitted({}, report);
  CHECK(asked() == kMaxIds);
  Tip newest = Scene::tip(200, 7);
  newest.index = OpIndex{9};
  scene.take_tips({Scene::tip(7, 1), Scene::tip(200, 6), newest, Scene::tip(200, 8)});
  scene.services.run_reads();
  REQUIRE(scene.claims.size() == 1);
  CHECK(scene.claims.front() == newest);
  CHECK(scene.inbound->own_op_claimed().has_value() == scene.holds);
  CHECK(asked() == kMaxIds + 1);
  CHECK(std::holds_alternative<Want>(scene.sent.back()));
  report.missing = {Scene::tip(10, 1).id, Scene::tip(10, 2).id};
  scene.inbound->admitted({}, report);
  CHECK(asked() == kMaxIds + 1);
}

}  // namespace
}  // namespace musher::sync
