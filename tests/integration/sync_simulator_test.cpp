// Episodes of five nodes in a simulated world where links break, nodes crash, the power of one is cut in the middle of
// a write, its disk is full or does not sync, and clocks jump; then the weather clears, and every node must have the
// same document. SYNC_SEED=n runs the episodes of one seed; SYNC_EPISODES=n that many of each kind, from
// SYNC_FIRST_SEED on.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <ranges>
#include <unordered_set>

#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "replica/purge.hpp"
#include "replica/put.hpp"
#include "replica/tip_note.hpp"
#include "support/episode_checks.hpp"
#include "support/log_builder.hpp"
#include "support/sync_attacks.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kNodes = 5;
constexpr char kOpsFrame = 9;    // docs/sync.md, "Messages"
constexpr int kDiskIsFull = 13;  // SQLITE_FULL

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

class Episode {
 public:
  Episode(std::uint64_t seed, std::size_t honest, Exercised& exercised) : world_(seed), record_{world_, exercised} {
    for (std::size_t i = 0; i < honest; ++i) world_.add(fmt::format("n{}", i));
    for (std::size_t i = honest; i < kNodes; ++i) {
      hostile_.push_back(
          std::make_unique<HostileNode>(world_, fmt::format("h{}", i), static_cast<std::uint8_t>(100 + i)));
      record_.hostile.insert(to_hex(hostile_.back()->author().key));
    }
    connect();
    trust();
  }

  void run() {
    const auto length = milliseconds(world_.pick(10'000, 40'000));
    plan(length);
    for (const auto& node : world_.nodes()) node->start();
    for (const auto& hostile : hostile_) hostile->listen();
    world_.run_for(length);
    clear_up();
  }

  /// Within bounded time after the weather has cleared.
  void must_converge() {
    const bool settled = world_.run_until([&] { return is_settled(); }, 180s);
    if (!settled) describe();
    REQUIRE(settled);
    record_.exercised.disk_failures += disk_failures();
    check_documents(record_, any_node());
    check_purges(record_);
    check_nothing_acknowledged_was_lost(record_);
    check_nobody_honest_was_dropped(record_);
    check_writes_go_on(record_);
  }

  [[nodiscard]] std::uint64_t trace() const { return world_.trace(); }

 private:
  SimNode& node(std::size_t number) { return *world_.nodes()[number]; }
  SimNode& any_node() { return node(world_.pick(0, world_.nodes().size() - 1)); }
  bool happens(double probability) { return world_.chance(probability); }
  void at_any_time(milliseconds length, std::function<void()> work) {
    world_.at(milliseconds(world_.pick(0, static_cast<std::uint64_t>(length.count()))), std::move(work));
  }

  // --- who is there

  /// Honest nodes hang together; hostile ones are dialed by some and dial whom they like.
  void connect() {
    const auto& nodes = world_.nodes();
    const auto dial = [&](std::size_t from, std::size_t to) {
      if (happens(0.5)) std::swap(from, to);
      if (from != to) node(from).rendezvous.push_back(node(to).name());
    };
    for (std::size_t i = 1; i < nodes.size(); ++i) dial(i, world_.pick(0, i - 1));
    for (std::uint64_t more = world_.pick(0, 4); more > 0; --more) {
      dial(world_.pick(0, nodes.size() - 1), world_.pick(0, nodes.size() - 1));
    }
    for (const auto& hostile : hostile_) {
      if (happens(0.5)) any_node().rendezvous.push_back(hostile->name());
    }
  }

  /// Everybody trusts everybody; in some episodes one only later, and in some not all of them before the end, nor do
  /// all let the same ones erase.
  void trust() {
    const std::size_t honest = world_.nodes().size();
    late_ = happens(0.2) ? world_.pick(0, honest - 1) : kNodes;
    differs_ = happens(0.3);
    for (std::size_t right = 0; right < honest; ++right) {
      const bool eraser = differs_ && happens(0.4);
      if (eraser) erasers_.insert(&node(right));
      for (const auto& left : world_.nodes()) {
        const bool is_itself = left.get() == &node(right);
        if (!is_itself && ((right == late_ && happens(0.5)) || (differs_ && happens(0.15)))) continue;
        left->trust(node(right).author(), node(right).name(), eraser && (is_itself || happens(0.5)));
      }
    }
    for (const auto& hostile : hostile_) hostile->be_trusted();
  }

  void trust_alike() {
    for (const auto& left : world_.nodes()) {
      for (const auto& right : world_.nodes()) {
        left->trust(right->author(), right->name(), erasers_.contains(right.get()));
      }
    }
  }

  // --- what happens

  void plan(milliseconds length) {
    static constexpr double kCuts[] = {0, 0, 0.005, 0.02, 0.1, 0.3};
    static constexpr std::uint64_t kLatencies[] = {1'000, 20'000, 500'000};
    world_.weather.cut = kCuts[world_.pick(0, 5)];
    world_.weather.most_latency = microseconds(kLatencies[world_.pick(0, 2)]);
    for (std::uint64_t ops = world_.pick(40, 200); ops > 0; --ops) at_any_time(length, [this] { write(any_node()); });
    for (std::uint64_t times = world_.pick(0, 3); times > 0; --times) {
      at_any_time(length, [this] {
        std::map<std::string, int> sides;
        for (const auto& each : world_.nodes()) sides[each->name()] = static_cast<int>(world_.pick(0, 1));
        world_.partition(std::move(sides));
      });
      at_any_time(length, [this] { world_.heal(); });
    }
    for (std::uint64_t times = world_.pick(0, 6); times > 0; --times)
      at_any_time(length, [this] { crash(any_node()); });
    if (happens(0.2)) {
      SimNode& unlucky = any_node();
      at_any_time(length / 2, [this, &unlucky] {
        unlucky.crash();
        unlucky.back_up();
        unlucky.start();
      });
      at_any_time(length, [this, &unlucky] { restore(unlucky); });
    }
    for (std::uint64_t times = world_.pick(0, 5); times > 0; --times) {
      at_any_time(length, [this] {
        constexpr std::int64_t kTenYears = 10LL * 365 * 24 * 3600 * 1000;
        any_node().clock_offset_ms = static_cast<std::int64_t>(world_.pick(0, 2 * kTenYears)) - kTenYears;
      });
    }
    if (differs_ && happens(0.3)) {
      at_any_time(length, [this] {
        SimNode& left = any_node();
        SimNode& right = any_node();
        if (&left != &right && left.revoke(right.author())) ++record_.exercised.revoked;
      });
    }
    if (happens(0.5)) plan_replays(length);
    if (happens(0.4)) plan_bad_disk(length);
    for (const auto& hostile : hostile_) {
      for (std::uint64_t times = world_.pick(5, 30); times > 0; --times) {
        at_any_time(length, [this, who = hostile.get()] { attack(*who); });
      }
    }
  }

  /// Somebody with a key of its own that is trusted hears everything, and says it again.
  void plan_replays(milliseconds length) {
    replayer_ = std::make_unique<HostileNode>(world_, "replayer", 99);
    replayer_->be_trusted();
    record_.replayer = to_hex(replayer_->author().key);
    world_.tap = [this](std::string_view message) {
      const bool has_ops = message.size() > 200 && message.front() == kOpsFrame;
      if (has_ops || world_.messages % 16 == 0) heard_[heard_at_++ % heard_.size()] = message.substr(0, 100'000);
    };
    for (std::uint64_t times = world_.pick(10, 60); times > 0; --times) at_any_time(length, [this] { replay(); });
  }

  /// One node's disk: the power is cut while nothing is written or in the middle of it, it is full, an fsync fails.
  void plan_bad_disk(milliseconds length) {
    SimNode& unlucky = any_node();
    bad_disk_ = &world_.put_on_bad_disk(unlucky);
    const auto start_later = [this, &unlucky] {
      ++record_.exercised.power_cuts;
      world_.at(world_.now() + milliseconds(world_.pick(0, 8'000)), [&unlucky] { unlucky.start(); });
    };
    unlucky.on_power_cut = [this, start_later, &unlucky] {
      ++record_.exercised.mid_write;
      check_it_has_what_it_acknowledged(record_, unlucky);
      start_later();
    };
    for (std::uint64_t times = world_.pick(1, 6); times > 0; --times) {
      at_any_time(length, [this, &unlucky, start_later] {
        if (!unlucky.running()) return;
        if (happens(0.8)) return unlucky.lose_power_after(world_.pick(1, 60));
        unlucky.lose_power();
        check_it_has_what_it_acknowledged(record_, unlucky);
        start_later();
      });
    }
    for (std::uint64_t times = world_.pick(0, 3); times > 0; --times) {
      at_any_time(length, [this] {
        if (happens(0.5)) return bad_disk_->inject({.call = FaultyVfs::Call::sync, .suffix = "-wal"});
        bad_disk_->inject({.call = FaultyVfs::Call::write, .suffix = "-wal", .for_ever = true, .code = kDiskIsFull});
        world_.at(world_.now() + milliseconds(world_.pick(0, 3'000)), [this] { bad_disk_->heal(); });
      });
    }
  }

  void replay() {
    HostileLink* link = open_link(*replayer_, any_node());
    if (link == nullptr || heard_at_ == 0) return;
    std::vector<SignedOp> ops;
    for (std::uint64_t tries = world_.pick(1, 10); tries > 0; --tries) {
      const std::string& frame = heard_[world_.pick(0, std::min(heard_at_, heard_.size()) - 1)];
      const auto message = sync::decode(frame);
      if (!message) continue;
      if (const auto* given = std::get_if<sync::Ops>(&*message)) {
        ops.insert(ops.end(), given->ops.begin(), given->ops.end());
      } else if (happens(0.05)) {
        link->send_bytes(frame);
      }
    }
    if (ops.size() > sync::kMaxBatchOps) ops.resize(sync::kMaxBatchOps);
    std::shuffle(ops.begin(), ops.end(), world_.random());
    record_.exercised.replayed += ops.size();
    link->send_ops(std::move(ops));
  }

  void attack(HostileNode& who) {
    HostileLink* link = open_link(who, any_node());
    if (link == nullptr) return;
    const auto attack = static_cast<Attack>(world_.pick(0, static_cast<std::uint64_t>(kLastAttack)));
    world_.trace(to_string(attack));
    who.attack(attack, *link);
  }

  /// One that is open; else it dials, for the next time.
  HostileLink* open_link(HostileNode& who, SimNode& victim) {
    for (const auto& link : who.links()) {
      if (link->open() && !link->closed() && link->victim() == &victim && victim.running()) return link.get();
    }
    if (const auto link = who.dial(victim)) {
      link->acknowledges = happens(0.7);
      link->silent = happens(0.1);
      if (happens(0.2)) link->position = LogMark{RowId{static_cast<std::int64_t>(world_.pick(1, 100))}, {}};
    }
    return nullptr;
  }

  void crash(SimNode& unlucky) {
    happens(0.3) ? unlucky.stop() : unlucky.crash();
    ++record_.exercised.crashes;
    check_it_has_what_it_acknowledged(record_, unlucky);
    world_.at(world_.now() + milliseconds(world_.pick(0, 8'000)), [&unlucky] { unlucky.start(); });
  }

  /// Of ops that nobody else has, nothing can bring them back.
  void restore(SimNode& unlucky) {
    const auto own = must(unlucky.log().tips_of(unlucky.author()));
    const bool elsewhere = own.empty() || std::ranges::any_of(world_.nodes(), [&](const auto& other) {
                             return other.get() != &unlucky && must(other->log().facts(own.front().id)).has_value();
                           });
    if (!unlucky.has_backup() || !elsewhere) return;
    unlucky.crash();
    unlucky.restore();
    unlucky.start();
    ++record_.exercised.restored;
    record_.restored = &unlucky;
  }

  void write(SimNode& writer) {
    if (writer.is_held_by_a_claim()) {
      ++record_.exercised.writes_held;
      return;
    }
    const std::uint64_t kind = world_.pick(0, 9);
    const std::string story = fmt::format("story_{}", world_.pick(0, 7));
    const std::uint64_t failures = disk_failures();
    std::optional<OpId> op;
    const bool written = writer.write([&](Replica& replica) -> Result<void> {
      if (kind == 0) {
        static_cast<void>(put(replica, {story, {}, true, true, false}));
        return {};
      }
      if (kind == 1) return purge(replica, story);
      if (kind == 2) return erase(writer, replica);
      MUSHER_TRY(auto own, OwnWrite::begin(replica));
      const auto item = kind < 6 ? an_item(own.log()) : std::nullopt;
      if (item && kind == 3 && happens(0.3)) {
        MUSHER_TRY(const OpRow row, own.append({OpKind::tombstone, *item, "", std::nullopt, {}}));
        op = row.id;
      } else if (item) {
        MUSHER_TRY(const OpRow row, own.append({OpKind::set, *item, happens(0.5) ? "stage" : "name", "\"x\"", {}}));
        op = row.id;
      } else {
        MUSHER_TRY(const OpRow row, own.append({OpKind::insert, OpId{}, story, "{\"stage\":\"1_backlog\"}", {}}));
        items_.push_back(row.id);
        op = row.id;
      }
      return own.commit();
    });
    if (written && op) record_.acknowledged.emplace_back(&writer, *op);
    if (written || disk_failures() > failures) return;
    ++record_.exercised.writes_refused;
    CHECK(record_.restored != nullptr);  // nobody else is refused
  }

  [[nodiscard]] std::uint64_t disk_failures() const { return bad_disk_ != nullptr ? bad_disk_->failures() : 0; }

  std::optional<OpId> an_item(LogReader& log) {
    for (int tries = 0; tries < 5 && !items_.empty(); ++tries) {
      const OpId& item = items_[world_.pick(0, items_.size() - 1)];
      const auto known = log.facts(item);
      if (known && *known) return item;
    }
    return std::nullopt;
  }

  static Result<void> purge(Replica& replica, const std::string& story) {
    {
      MUSHER_TRY(auto own, OwnWrite::begin(replica));  // who may not write does not plan
    }
    const auto plan = plan_purge(replica.log(), {{story}, std::nullopt, std::nullopt}, "done");
    if (!plan) return {};  // there never was such a story
    MUSHER_CHECK(execute(replica, *plan));
    return {};
  }

  /// Of an op that has content: one of its own, or of anybody's.
  Result<void> erase(SimNode& writer, Replica& replica) {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    const AuthorId self = writer.author();
    const AuthorId whose = erasers_.contains(&writer) ? any_node().author() : self;
    MUSHER_TRY(const auto rows, own.log().author_rows(whose, OpIndex{0}, OpIndex{INT64_MAX}));
    if (rows.empty()) return {};
    MUSHER_TRY(const auto found, own.log().rows(std::vector{rows[world_.pick(0, rows.size() - 1)]}));
    const auto& target = std::get<OpRow>(found.front());
    if (!target.op.content || target.op.op.kind == OpKind::erase) return {};
    MUSHER_TRY(const OpRow row, append_op(own.log(), *replica.identity(),
                                          {.kind = OpKind::erase, .target = target.id, .erases_now = true}));
    MUSHER_CHECK(own.commit());
    ++record_.exercised.erased;
    if (whose != self) ++record_.exercised.erased_of_others;
    return write_tip_note(replica.log().info(), {self, row.op.op.index, row.id}, replica.host().state_dir);
  }

  // --- what must be true in the end

  void clear_up() {
    world_.weather = {};
    world_.heal();
    world_.tap = {};
    if (bad_disk_ != nullptr) {
      bad_disk_->heal();
      bad_disk_->keep_power();
    }
    for (const auto& hostile : hostile_) hostile->leave();
    if (replayer_) replayer_->leave();
    for (const auto& each : world_.nodes()) each->start();
    if (differs_) must_hear_whom_they_trust();
    trust_alike();
  }

  /// While they differ: what somebody's peer has in its log, and was written by who is trusted here or is below that,
  /// is here.
  void must_hear_whom_they_trust() {
    const bool heard = world_.run_until(
        [&] {
          for (const auto& from : world_.nodes()) {
            for (const auto& to : world_.nodes()) {
              if (are_peers(*from, *to) && !hears_all_it_may(*from, *to)) return false;
            }
          }
          return true;
        },
        180s);
    if (!heard) describe();
    REQUIRE(heard);
  }

  static bool are_peers(SimNode& left, SimNode& right) {
    const auto dials = [](SimNode& from, SimNode& to) { return std::ranges::count(from.rendezvous, to.name()) > 0; };
    const auto allows = [](SimNode& at, SimNode& whom) {
      return must(TrustPolicy::read(at.log())).would_hear(whom.author());
    };
    return &left != &right && (dials(left, right) || dials(right, left)) && allows(left, right) && allows(right, left);
  }

  bool hears_all_it_may(SimNode& from, SimNode& to) {
    const TrustPolicy trust = must(TrustPolicy::read(to.log()));
    std::unordered_set<OpId, IdHash> may;  // what is above an op comes later in a log
    const std::vector<OpRow> rows = all_rows(from.log());
    for (const OpRow& row : rows | std::views::reverse) {
      if (!may.contains(row.id) && !trust.would_hear(row.op.op.author) && row.op.op.author != to.author()) continue;
      for (const OpId& id : dependencies(row.op.op)) may.insert(id);
      if (!must(to.log().facts(row.id))) return false;
      if (!trust.would_hear(row.op.op.author)) ++record_.exercised.muted;
    }
    return true;
  }

  /// Of honest authors nothing waits; what hostile ones wrote may wait for ever.
  bool nothing_honest_waits(SimNode& each) {
    const auto kept = all_quarantined(each.log());
    if (hostile_.empty() && !replayer_) return kept.empty();
    for (const QuarantineEntry& entry : kept) {
      const auto op = parse_canonical_bytes(entry.canonical);
      REQUIRE(op);
      for (const auto& honest : world_.nodes()) {
        if (op->author == honest->author()) return false;
      }
    }
    return true;
  }

  bool is_settled() {
    const auto first = node(0).log().tips();
    REQUIRE(first);
    for (const auto& each : world_.nodes()) {
      const auto tips = each->log().tips();
      REQUIRE(tips);
      if (*tips != *first || !nothing_honest_waits(*each)) return false;
    }
    return true;
  }

  void describe() {
    for (const auto& each : world_.nodes()) {
      std::cout << each->name() << ": " << *each->log().count() << " ops, " << *each->log().quarantine_count()
                << " in quarantine\n";
      const auto quarantine = must(each->log().quarantine());
      for (const QuarantinedOp& kept : quarantine) {
        std::cout << "  " << kept.reason << " from " << kept.source.substr(0, 14) << "\n";
        const auto op = parse_canonical_bytes(kept.canonical);
        REQUIRE(op);
        for (const OpId& id : dependencies(*op)) {
          std::cout << "    depends on " << to_hex(id.hash).substr(0, 8)
                    << (must(each->log().facts(id)) ? ", in the log" : ", not in the log") << "\n";
        }
      }
      for (const sync::PeerStatus& peer : each->engine().status()) {
        std::cout << "  " << peer.address << " " << peer.state << ", lag " << peer.lag_ops.value_or(0) << ", "
                  << peer.last_error << "\n";
      }
      for (const sync::Event& event : each->events) {
        std::cout << "  " << event.what << " " << event.peer.substr(0, 8) << " " << event.address << ": "
                  << event.detail << "\n";
      }
    }
  }

  SyncWorld world_;
  EpisodeRecord record_;
  std::vector<std::unique_ptr<HostileNode>> hostile_;
  std::unique_ptr<HostileNode> replayer_;
  std::array<std::string, 500> heard_;
  std::size_t heard_at_ = 0;
  std::vector<OpId> items_;
  FaultyVfs* bad_disk_ = nullptr;
  std::size_t late_ = kNodes;
  bool differs_ = false;                ///< whom they trust
  std::set<const SimNode*> erasers_{};  ///< who may erase what others wrote, wherever that is said before the end
};

/// @return the trace.
std::uint64_t run_episode(std::uint64_t seed, std::size_t honest, Exercised& exercised) {
  INFO("to run it again: SYNC_SEED=" << seed);
  Episode episode(seed, honest, exercised);
  episode.run();
  episode.must_converge();
  return episode.trace();
}

std::size_t honest_nodes(std::uint64_t seed) { return 1 + seed % (kNodes - 1); }

/// Runs `episode` for each seed, or for that of SYNC_SEED alone.
/// @return how many there were; 1: no figures can be expected of them.
std::uint64_t for_each_seed(std::uint64_t episodes, const std::function<void(std::uint64_t)>& episode) {
  if (const std::uint64_t seed = from_environment("SYNC_SEED", 0); seed != 0) {
    episode(seed);
    return 1;
  }
  const std::uint64_t first = from_environment("SYNC_FIRST_SEED", 1);
  const std::uint64_t count = from_environment("SYNC_EPISODES", episodes);
  for (std::uint64_t seed = first; seed < first + count; ++seed) episode(seed);
  return count;
}

#ifdef MUSHER_FEW_EPISODES
constexpr std::uint64_t kEpisodes = 150, kHostileEpisodes = 80;
#else
constexpr std::uint64_t kEpisodes = 1'000, kHostileEpisodes = 500;
#endif

TEST_CASE("sync: five nodes agree once the weather has cleared", "[sync]") {
  Exercised seen;
  const auto episodes = for_each_seed(kEpisodes, [&](std::uint64_t seed) { run_episode(seed, kNodes, seen); });
  std::cout << fmt::format(
      "{} episodes: {} ops, {} acknowledged, {} crashes, {} power cuts ({} in a write), {} calls of the disk failed, "
      "{} restored from a backup ({} writes refused), {} came back, {} brought back, {} erased, {} of others, {} "
      "revoked, "
      "{} sent again by another\n",
      episodes, seen.ops, seen.acknowledged, seen.crashes, seen.power_cuts, seen.mid_write, seen.disk_failures,
      seen.restored, seen.writes_refused, seen.came_back, seen.brought_back, seen.erased, seen.erased_of_others,
      seen.revoked, seen.replayed);
  if (episodes < 40) return;
  CHECK(seen.came_back > 0);
  CHECK(seen.brought_back > 0);
  CHECK(seen.restored > 0);
  CHECK(seen.crashes > 0);
  CHECK(seen.power_cuts > seen.mid_write);
  CHECK(seen.mid_write > 0);
  CHECK(seen.disk_failures > 0);
  CHECK(seen.acknowledged > 0);
  CHECK(seen.acknowledged_to_peers > 0);
  CHECK(seen.erased > seen.erased_of_others);
  CHECK(seen.erased_of_others > 0);
  CHECK(seen.revoked > 0);
  CHECK(seen.muted > 0);
  CHECK(seen.replayed > 0);
}

TEST_CASE("sync: honest nodes agree whatever one to four hostile ones do", "[sync]") {
  Exercised seen;
  const auto episodes =
      for_each_seed(kHostileEpisodes, [&](std::uint64_t seed) { run_episode(seed, honest_nodes(seed), seen); });
  std::cout << fmt::format(
      "{} episodes with hostile nodes: {} ops, {} of hostile authors, {} violations, {} writes held by a lie\n",
      episodes, seen.ops, seen.hostile_ops, seen.violations, seen.writes_held);
  if (episodes < 40) return;
  CHECK(seen.hostile_ops > 0);
  CHECK(seen.writes_held > 0);
  CHECK(seen.violations > 0);
}

TEST_CASE("sync: the seed of an episode decides all of it", "[sync]") {
  Exercised ignored;
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    CHECK(run_episode(seed, kNodes, ignored) == run_episode(seed, kNodes, ignored));
    CHECK(run_episode(seed, honest_nodes(seed), ignored) == run_episode(seed, honest_nodes(seed), ignored));
  }
  CHECK(run_episode(3, kNodes, ignored) != run_episode(4, kNodes, ignored));
}

}  // namespace
}  // namespace musher::testing
