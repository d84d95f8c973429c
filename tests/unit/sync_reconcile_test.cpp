// What one log has and another has not, found through tips: nothing is left out, little is sent twice, and the logs'
// size does not matter.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "support/counting_reader.hpp"
#include "support/log_builder.hpp"
#include "support/property.hpp"
#include "support/random_dag.hpp"
#include "support/scratch_log.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"
#include "sync/reconcile.hpp"
#include "sync/tail.hpp"

namespace musher::sync {
namespace {

using testing::CountingReader;
using testing::DagOp;
using testing::must;

struct Found {
  std::set<RowId> rows{};
  std::uint64_t samples = 0;
  std::uint64_t tips = 0;
  std::uint64_t pauses = 0;
};

/// The exchange of docs/sync.md, "Reconciliation", in one direction. at_a_time: ops that are looked up in one go.
Found what_to_send(LogReader& from, LogReader& to, std::uint64_t at_a_time = 1'000'000) {
  Found found;
  WantedRows wanted(true);
  const auto add = [&](const Want::Branch& branch) {
    while (true) {
      wanted.look_up_at_most(at_a_time);
      auto samples = must(wanted.add(from, branch));
      if (!wanted.goes_on()) return samples;
      CHECK_FALSE(samples);
      ++found.pauses;
    }
  };
  for (const Tips& tips : must(tips_of(from))) {
    found.tips += tips.tips.size();
    for (const Want::Branch& branch : must(lacking(to, tips.tips))) {
      const auto samples = add(branch);
      if (!samples) continue;
      ++found.samples;
      CHECK_FALSE(add(must(nearest_base(to, *samples))));
    }
  }
  CHECK_FALSE(wanted.too_much());
  const auto rows = wanted.rows();
  found.rows.insert(rows.begin(), rows.end());
  return found;
}

/// A log with some of the ops, and what those depend on.
void take_some(OpLog& log, const std::vector<DagOp>& dag, std::mt19937_64& random, std::size_t share) {
  std::set<OpId> wanted;
  for (auto each = dag.rbegin(); each != dag.rend(); ++each) {
    const OpId& id = each->op.id();
    if (!wanted.contains(id) && random() % 100 >= share) continue;
    wanted.insert(id);
    for (const OpId& needed : dependencies(each->op.op())) wanted.insert(needed);
  }
  auto write = must(log.begin_write(std::chrono::seconds(10)));
  for (const DagOp& each : dag) {
    if (wanted.contains(each.op.id())) must(write->append(each.op, *each.depth, "import", 1'790'000'000'000, false));
  }
  must(write->commit());
}

TEST_CASE("sync reconcile: between any two logs what is missing is found, and at most as much again", "[sync]") {
  ::setenv("RC_PARAMS", "max_success=120", 0);
  std::uint64_t samples = 0, missing_in_all = 0, sent_in_all = 0, pauses = 0;
  CHECK(testing::holds("what is missing is found", [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto dag = testing::random_dag(random, {.ops = 20 + random() % 100, .branch = random() % 2 == 0 ? 0 : 0.15});
    const testing::ScratchLog left, right;
    const auto a = left.open();
    const auto b = right.open();
    take_some(*a, dag, random, random() % 30);
    take_some(*b, dag, random, random() % 30);
    const Found found = what_to_send(*a, *b);
    std::uint64_t missing = 0;
    for (const OpRow& row : testing::all_rows(*a)) {
      if (must(b->facts(row.id))) continue;
      ++missing;
      RC_ASSERT(found.rows.contains(row.row));
    }
    RC_ASSERT(found.rows.size() <= 2 * missing);
    // However often it is interrupted.
    const Found in_parts = what_to_send(*a, *b, 1 + random() % 20);
    RC_ASSERT(in_parts.rows == found.rows);
    RC_ASSERT(in_parts.samples == found.samples);
    pauses += in_parts.pauses;
    samples += found.samples;
    missing_in_all += missing;
    sent_in_all += found.rows.size();
  }));
  CHECK(pauses > 0);
  CHECK(samples > 0);  // there were branches whose bases the other log has not got
  CHECK(missing_in_all > 500);
  INFO(missing_in_all << " missing, " << sent_in_all << " sent");
  CHECK(sent_in_all < missing_in_all + missing_in_all / 10);
}

TEST_CASE("sync reconcile: a log that is equal, and one that is empty", "[sync]") {
  std::mt19937_64 random(5);
  const auto dag = testing::random_dag(random, {.ops = 60, .branch = 0.2});
  const testing::ScratchLog left, right;
  const auto a = left.open();
  const auto b = right.open();
  take_some(*a, dag, random, 100);
  CHECK(what_to_send(*a, *b).rows.size() == dag.size());
  CHECK(what_to_send(*b, *a).rows.empty());
  take_some(*b, dag, random, 100);
  CHECK(what_to_send(*a, *b).rows.empty());
}

TEST_CASE("sync reconcile: of large ops only a few are read that go into a later message", "[sync]") {
  const testing::TempFolder folder;
  testing::TestNode node(folder.path(), "large", testing::test_document());
  std::vector<RowId> rows;
  for (int i = 0; i < 40; ++i) {
    const std::string content = "{\"a\":\"" + std::string(200'000, 'x') + "\"}";
    rows.push_back(node.write({OpKind::insert, OpId{}, fmt::format("{}_story", i), content, {}}).row);
  }
  CountingReader counting(node.log());
  CHECK(must(read_rows(counting, rows)).size() == 2);
  CHECK(counting.reads <= 10);
}

TEST_CASE("sync reconcile: a want of a tip that is not there gives nothing", "[sync]") {
  const testing::ScratchLog scratch;
  const auto log = scratch.open();
  WantedRows wanted(true);
  CHECK_FALSE(must(wanted.add(*log, {testing::op_id_of(9), {}})));
  CHECK(wanted.rows().empty());
}

/// One author's chain, and `ends` ops that all come behind its last.
struct ForkedChain {
  ForkedChain(int length, int ends) : node(folder.path(), "forked", testing::test_document()) {
    OpRow last = node.insert("0_story");
    chain.push_back(last.id);
    for (int i = 1; i < length; ++i) chain.push_back((last = node.insert(fmt::format("{}_story", i))).id);
    for (int i = 0; i < ends; ++i) {
      const OpDraft end{OpKind::insert, OpId{}, fmt::format("{}_end", i), "{\"stage\":\"1_backlog\"}", {}};
      const OpRow row = node.fork(last, end, next(last.op.op.seq));
      REQUIRE(std::holds_alternative<Admitted>(node.receive(row)));
    }
  }
  testing::TempFolder folder;
  testing::TestNode node;
  std::vector<OpId> chain;
};

TEST_CASE("sync reconcile: what many branches of an author share is looked at and sent once", "[sync]") {
  ForkedChain forked(300, 12);
  const testing::ScratchLog empty;
  const auto to = empty.open();
  CountingReader from(forked.node.log());
  const Found found = what_to_send(from, *to);
  CHECK(found.tips == 12);
  CHECK(found.rows.size() == 312);
  CHECK(from.reads < 2'000);

  SECTION("and if one is wanted again and again, it is not looked at again") {
    WantedRows wanted(true);
    const OpId tip = must(forked.node.log().tips()).front().id;
    CHECK_FALSE(must(wanted.add(from, {tip, {}})));
    const auto before = from.reads;
    for (int i = 0; i < 1'000; ++i) CHECK_FALSE(must(wanted.add(from, {tip, {}})));
    CHECK(from.reads <= before + 1'000);
    CHECK(wanted.rows().size() == 301);
  }
  SECTION("nor is the one branch of an author, whichever of its ops is named") {
    ForkedChain single(300, 0);
    CountingReader one(single.node.log());
    WantedRows wanted(true);
    for (const OpId& id : single.chain) CHECK_FALSE(must(wanted.add(one, {id, {}})));
    CHECK(one.reads < 2'000);
  }
  SECTION("nor is what was found to have none of the bases; each branch has samples of its own") {
    WantedRows wanted(true);
    const Tip nowhere{forked.node.author(), OpIndex{301}, testing::op_id_of(0xee)};
    const auto before = from.reads;
    std::set<OpId> ends;
    for (const Tip& tip : must(forked.node.log().tips())) {
      const auto samples = must(wanted.add(from, {tip.id, {nowhere}}));
      REQUIRE(samples);
      CHECK(samples->tip == tip.id);
      ends.insert(tip.id);
      // 1, 2, 4 ... 256 back from index 301, and the first: all of the shared chain.
      std::vector<OpId> expected;
      for (std::size_t back = 1; back < 301; back *= 2) expected.push_back(forked.chain[300 - back]);
      expected.push_back(forked.chain[0]);
      std::vector<OpId> sampled;
      for (const Tip& sample : samples->ops) sampled.push_back(sample.id);
      CHECK(sampled == expected);
    }
    CHECK(ends.size() == 12);
    CHECK(from.reads < before + 2'000);
    CHECK(wanted.rows().empty());
  }
  SECTION("who names the same over and over comes to an end, if it is a peer") {
    const Tip nowhere{forked.node.author(), OpIndex{5}, testing::op_id_of(0xee)};
    const OpId tip = must(forked.node.log().tips()).front().id;
    WantedRows wanted(true);
    int asked = 0;
    while (!wanted.too_much() && ++asked < 100'000) static_cast<void>(must(wanted.add(from, {tip, {nowhere}})));
    CHECK(wanted.too_much());
  }
  SECTION("who names other bases each time comes to an end, if it is a peer") {
    const OpId tip = must(forked.node.log().tips()).front().id;
    for (const bool is_peer : {true, false}) {
      WantedRows wanted(is_peer);
      for (int i = 0; i < 400 && !wanted.too_much(); ++i) {
        Tip nowhere{forked.node.author(), OpIndex{5}, testing::op_id_of(0xee)};
        nowhere.id.hash[0] = static_cast<std::uint8_t>(i);
        static_cast<void>(must(wanted.add(from, {tip, {nowhere}})));
      }
      CHECK(wanted.too_much() == is_peer);
    }
  }
}

TEST_CASE("sync reconcile: many ends of a chain, of which the other log has yet another one", "[sync]") {
  ForkedChain forked(100, 10);
  testing::TestNode other(forked.folder.path(), "other", testing::test_document());
  other.trust(forked.node, "forked");
  const std::vector<OpRow> rows = forked.node.rows();
  for (const OpRow& row : std::span(rows).first(100)) other.receive(row);
  const OpDraft end{OpKind::insert, OpId{}, "other_end", "{\"stage\":\"1_backlog\"}", {}};
  other.receive(forked.node.fork(rows[99], end, next(rows[99].op.op.seq)));
  CountingReader from(forked.node.log());
  const Found found = what_to_send(from, other.log());
  CHECK(found.samples == 10);
  CHECK(found.rows.size() == 10);
  CHECK(from.reads < 1'000);
}

TEST_CASE("sync reconcile: ends behind a stem that leaves a branch which is wanted too", "[sync]") {
  ForkedChain forked(100, 0);
  const std::vector<OpRow> chain = forked.node.rows();
  OpRow last = chain[49];
  const auto grow = [&](const OpRow& from, const std::string& story) {
    const OpDraft draft{OpKind::insert, OpId{}, story, "{\"stage\":\"1_backlog\"}", {}};
    OpRow row = forked.node.fork(from, draft, next(from.op.op.seq));
    REQUIRE(std::holds_alternative<Admitted>(forked.node.receive(row)));
    return row;
  };
  for (int i = 0; i < 80; ++i) last = grow(last, fmt::format("stem_{}", i));
  std::vector<OpId> ends;
  for (int i = 0; i < 10; ++i) ends.push_back(grow(last, fmt::format("end_{}", i)).id);
  const std::vector<Tip> bases{{forked.node.author(), chain[9].op.op.index, chain[9].id}};
  // All of them are named before any answer to samples, the chain first.
  CountingReader from(forked.node.log());
  WantedRows wanted(true);
  CHECK_FALSE(must(wanted.add(from, {chain.back().id, bases})));
  std::vector<Samples> samples;
  for (const OpId& end : ends) samples.push_back(must(wanted.add(from, {end, bases})).value());
  CHECK(from.reads < 1'500);
  for (const Samples& each : samples) CHECK_FALSE(must(wanted.add(from, {each.tip, {}})));
  CHECK(from.reads < 3'000);
  CHECK(wanted.rows().size() == 90 + 80 + 10);
}

TEST_CASE("sync reconcile: what is read depends on authors and the difference, not on the log", "[sync]") {
  const auto reads_of = [](int common, bool branches) {
    const testing::ScratchLog left, right;
    std::filesystem::remove(right.path());
    OpId fork_from;
    {
      const auto log = left.open();
      testing::LogBuilder one(*log, testing::identity_of(1)), two(*log, testing::identity_of(2));
      for (int i = 0; i < common; ++i) fork_from = (i % 2 == 0 ? one : two).insert(fmt::format("s{}", i));
    }
    std::filesystem::copy_file(left.path(), right.path());
    const auto a = left.open();
    const auto b = right.open();
    testing::LogBuilder writer(*a, testing::identity_of(1));
    for (int i = 0; i < 10; ++i) writer.insert(fmt::format("new{}", i));
    if (branches) {  // the other log has another end of that author's
      testing::LogBuilder twin(*b, testing::identity_of(1));
      for (int i = 0; i < 10; ++i) twin.insert(fmt::format("twin{}", i));
    }
    CountingReader from(*a), to(*b);
    const Found found = what_to_send(from, to);
    CHECK(found.rows.size() >= 10);
    CHECK(found.rows.size() <= 20);
    CHECK(found.samples == (branches ? 1 : 0));
    return from.reads + to.reads;
  };
  const bool branches = GENERATE(false, true);
  const auto small = reads_of(100, branches);
  const auto large = reads_of(3'000, branches);
  CHECK(small < 100);
  CHECK(large <= small + 10);  // samples: two more for each doubling
}

/// Bytes that this process has read from files.
std::uint64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (counters >> name >> value)
    if (name == "rchar:") return value;
  return 0;
}

TEST_CASE("sync resume: what is read of the file depends on what is new, not on the log", "[sync]") {
  const auto bytes_of = [](int before) {
    constexpr int kNew = 100;
    const testing::ScratchLog scratch;
    LogMark mark;
    {
      const auto log = scratch.open();
      testing::LogBuilder writer(*log, testing::identity_of(1));
      for (int i = 0; i < before; ++i) writer.insert(fmt::format("s{}", i));
      mark.row = must(log->last_row());
      mark.chain = must(log->chain_at(mark.row)).value();
      for (int i = 0; i < kNew; ++i) writer.insert(fmt::format("new{}", i));
    }
    const auto log = scratch.open();  // with nothing of it in memory
    const std::uint64_t at_first = bytes_read();
    CHECK(must(log->chain_at(mark.row)) == mark.chain);
    std::size_t ops = 0;
    for (LogMark at = mark;;) {
      const OutOps batch = must(read_after(*log, at));
      if (batch.empty()) break;
      ops += batch.size();
      at = batch.back()->mark;
    }
    CHECK(ops == kNew);
    return bytes_read() - at_first;
  };
  const auto small = bytes_of(2 * 256);
  const auto large = bytes_of(16 * 256);  // a mark is noted every 256 rows: as far behind the last as in the other
  CAPTURE(small, large);
  CHECK(small > 10'000);
  CHECK(large < small * 5 / 4);
}

}  // namespace
}  // namespace musher::sync
