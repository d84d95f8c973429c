// The short way in for a peer's ops against the long one: admit_batch() and admit() come to the same log, quarantine
// and document, whatever comes in whatever order.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "replica/trust.hpp"
#include "support/log_builder.hpp"
#include "support/property.hpp"
#include "support/random_dag.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

namespace musher::testing {
namespace {

std::string peer(std::uint8_t number) { return fmt::format("peer:{:064}", number); }

PeerRecord record_of(std::uint8_t number, std::int64_t row) {
  PeerRecord record;
  record.peer.key.fill(number);
  record.log.bytes.fill(number);
  record.heard = LogMark{RowId{row}, {}};
  return record;
}

/// Of each op that waits or was refused: which of the two, and why it was refused.
std::map<OpId, std::set<std::string>> quarantine_of(TestNode& node) {
  std::map<OpId, std::set<std::string>> all;
  for (const QuarantineEntry& entry : all_quarantined(node.log())) {
    const bool waits = entry.reason == "dependency_missing" || entry.reason == "author_unknown" ||
                       entry.reason == "author_revoked" || entry.reason == "content_missing";
    all[op_id(entry.canonical)].insert(waits ? "waits" : entry.reason);
  }
  return all;
}

std::set<OpId> ids_of(TestNode& node) {
  std::set<OpId> ids;
  for (const OpRow& row : node.rows()) ids.insert(row.id);
  return ids;
}

/// An author who is trusted, one who is unknown, one who is revoked from the start.
void trust_some(TestNode& node) {
  must(trust_add(node.replica(), identity_of(1).author(), "one", false));
  must(trust_add(node.replica(), identity_of(3).author(), "three", false));
  must(trust_revoke(node.replica(), identity_of(3).author(), std::nullopt));
}

TEST_CASE("admit_batch: comes to what admit comes to, one op at a time", "[replica]") {
  ::setenv("RC_PARAMS", "max_success=60", 0);
  std::uint64_t waiting = 0, refused = 0, entered = 0;
  CHECK(holds("the same log, quarantine and document", [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto dag = random_dag(
        random, {.ops = 40, .branch = 0.1, .bad = random() % 2 == 0 ? 0 : 0.15, .erased = random() % 2 == 0 ? 0 : 0.1});
    // Some come without their content, some twice, in an order that is mostly causal.
    std::vector<VerifiedOp> ops;
    const Verifier verifier(test_document());
    for (const DagOp& each : dag) {
      ops.push_back(each.op);
      if (random() % 8 != 0) continue;
      // Of several erases that nobody hears, any one comes in with what it erases: which depends on what came first.
      const auto erases = std::ranges::count_if(dag, [&](const DagOp& other) {
        return other.op.op().kind == OpKind::erase && other.op.op().target == each.op.id();
      });
      if (erases > 1) continue;
      SignedOp bare = each.op.claim();
      bare.content.reset();
      bare.salt = {};
      const auto verified = verifier.verify(bare);
      RC_ASSERT(verified.has_value());
      if (random() % 2 == 0) ops.pop_back();
      ops.push_back(*verified);
    }
    for (std::uint64_t swaps = random() % 40; swaps > 0; --swaps) {
      std::swap(ops[random() % ops.size()], ops[random() % ops.size()]);
    }
    const TempFolder folder;
    TestNode one_by_one(folder.path(), "a", test_document()), batches(folder.path(), "b", test_document());
    trust_some(one_by_one);
    trust_some(batches);
    // In half of the cases the unknown author is trusted in between: beside the replica, as a shell does.
    const std::size_t trusted_at = random() % (2 * ops.size());
    const auto trust_at = [&](std::size_t at, TestNode& node) {
      if (at == trusted_at) must(trust_add(node.replica(), identity_of(2).author(), "two", false));
    };
    for (std::size_t at = 0; at < ops.size(); ++at) {
      trust_at(at, one_by_one);
      must(admit(one_by_one.replica(), ops[at].claim(), "import"));
    }
    const std::size_t most = 1 + random() % 15;
    for (std::size_t at = 0; at < ops.size();) {
      trust_at(at, batches);
      const std::size_t end = at < trusted_at ? std::min(trusted_at, ops.size()) : ops.size();
      const std::size_t size = std::min<std::size_t>(end - at, 1 + random() % most);
      must(admit_batch(batches.replica(), std::span(ops).subspan(at, size), "import", std::nullopt));
      auto write = must(batches.replica().log().begin_write(std::chrono::seconds(10)));
      RC_ASSERT(must(settle_quarantine(*write, 0)) == 0);  // whatever may enter is in, though few are looked at
      at += size;
      if (at < ops.size()) continue;
      // That an op which nobody heard needs breaks a rule is found by a look at all of them.
      must(write->commit());
    }
    RC_ASSERT(ids_of(one_by_one) == ids_of(batches));
    RC_ASSERT(quarantine_of(one_by_one) == quarantine_of(batches));
    RC_ASSERT(must(one_by_one.log().heads()) == must(batches.log().heads()));
    RC_ASSERT(must(one_by_one.log().tips()) == must(batches.log().tips()));
    RC_ASSERT(one_by_one.document().document().state_digest() == batches.document().document().state_digest());
    entered += ids_of(batches).size();
    for (const auto& [id, reasons] : quarantine_of(batches)) ++(reasons.contains("waits") ? waiting : refused);
  }));
  // The cases are new in every run: far below what they come to (490, 1,880 and 43 on average), so as not to fail by
  // chance.
  CHECK(entered > 150);
  CHECK(waiting > 300);
  CHECK(refused > 5);
}

TEST_CASE("admit_batch: the report says what came of it", "[replica]") {
  const TempFolder folder;
  TestNode writer(folder.path(), "writer", test_document()), node(folder.path(), "node", test_document());
  node.trust(writer, "writer");
  std::vector<VerifiedOp> ops;
  const Verifier verifier(test_document());
  for (int i = 0; i < 5; ++i) ops.push_back(*verifier.verify(writer.insert(fmt::format("s{}", i)).op));
  const auto all = std::span(ops);

  SECTION("what it depends on and is nowhere is missing; once") {
    const auto report = must(admit_batch(node.replica(), all.subspan(2), "peer:w", std::nullopt));
    CHECK(report.admitted == 0);
    CHECK(report.waiting == 3);
    CHECK(report.missing == std::vector{ops[1].id()});
    const auto rest = must(admit_batch(node.replica(), all.first(2), "peer:w", std::nullopt));
    CHECK(rest.admitted == 5);
    CHECK(rest.missing.empty());
    CHECK(must(node.log().quarantine_count()) == 0);
  }
  SECTION("what is known is counted, and nothing is written") {
    CHECK(must(admit_batch(node.replica(), all, "peer:w", std::nullopt)).admitted == 5);
    const auto again = must(admit_batch(node.replica(), all, "peer:w", std::nullopt));
    CHECK(again.known == 5);
    CHECK(again.admitted == 0);
  }
  SECTION("the first op that breaks a rule is named, and those before it are in") {
    SignedOp bad = ops[4].claim();
    bad.op.seq = Seq{1'000};
    ops[4] = *verifier.verify(resigned(*writer.replica().identity(), bad));
    const auto report = must(admit_batch(node.replica(), ops, "peer:w", std::nullopt));
    REQUIRE(report.rejected);
    CHECK(report.rejected->first == ops[4].id());
    CHECK(report.rejected->second == Reject::seq_out_of_bounds);
    CHECK(report.admitted == 4);
    CHECK(node.quarantine_reasons() == std::vector<std::string>{"seq_out_of_bounds"});
  }
  SECTION("how far we got is stored with the ops") {
    must(admit_batch(node.replica(), all, peer(7), record_of(7, 5)));
    const auto peers = must(node.log().peers());
    REQUIRE(peers.size() == 1);
    CHECK(peers.front() == record_of(7, 5));
  }
}

TEST_CASE("admit_batch: an erase by an author whom nobody hears lets in what it erases, for those who depend on that",
          "[replica]") {
  const TempFolder folder;
  TestNode stranger(folder.path(), "stranger", test_document()), writer(folder.path(), "writer", test_document()),
      node(folder.path(), "node", test_document());
  writer.trust(stranger, "stranger");
  node.trust(writer, "writer");
  const OpRow secret = stranger.insert("477_story_base");
  writer.receive(secret);
  const OpRow later = writer.insert("478_story_sync");
  const OpRow erase = stranger.write({OpKind::erase, secret.id, "", std::nullopt, {}});
  const Verifier verifier(test_document());
  SignedOp bare = secret.op;
  bare.content.reset();
  bare.salt = {};
  const auto give = [&](const SignedOp& op) {
    const std::vector ops{*verifier.verify(op)};
    return must(admit_batch(node.replica(), ops, "peer:w", std::nullopt)).admitted;
  };
  CHECK(give(bare) == 0);
  CHECK(give(later.op) == 0);
  CHECK(give(erase.op) == 3);
}

TEST_CASE("admit_batch: what was given up, many times over, leaves those that still wait to enter as they would have",
          "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document(), {.ops = 400}), fresh(folder.path(), "fresh", test_document());
  trust_some(node);
  trust_some(fresh);
  std::mt19937_64 random(1);
  // Of two sources, so that the flood gives up its own ops and the chain stays.
  const auto dag = random_dag(random, {.ops = 120, .branch = 0.1, .bad = 0, .erased = 0.15});
  std::vector<VerifiedOp> chain;
  const Verifier verifier(test_document());
  std::size_t erased = 0;
  for (const DagOp& each : dag) {
    SignedOp op = each.op.claim();
    const auto erases = std::ranges::count_if(dag, [&](const DagOp& other) {
      return other.op.op().kind == OpKind::erase && other.op.op().target == each.op.id();
    });
    if (erases == 1 && op.content) {  // it may enter with its erase alone
      op.content.reset();
      op.salt = {};
      ++erased;
    }
    chain.push_back(*verifier.verify(op));
  }
  REQUIRE(erased > 3);
  std::uint64_t made = 0;
  const auto flood = [&] {
    std::vector<VerifiedOp> ops;
    Op op = plain_op(OpKind::insert);
    while (ops.size() < 100) {
      op.index = OpIndex{2 + ++made};
      op.prev = OpId{random_id<Digest>().bytes};
      op.parents.clear();
      for (int parent = 0; parent < 20; ++parent) op.parents.push_back(OpId{random_id<Digest>().bytes});
      std::ranges::sort(op.parents);
      ops.push_back(*sign_op(identity_of(1), op, plain_content(op.kind)));
    }
    must(admit_batch(node.replica(), ops, "peer:flood", std::nullopt));
  };
  flood();  // what the index has in front of the chain goes
  must(admit_batch(node.replica(), std::span(chain).subspan(1), "import", std::nullopt));
  REQUIRE(must(node.log().quarantine_count()) > 150);
  for (int batch = 0; batch < 30; ++batch) flood();
  CHECK(must(node.log().quarantine_count()) == 400);
  must(admit_batch(node.replica(), std::span(chain).first(1), "import", std::nullopt));
  must(admit_batch(fresh.replica(), chain, "import", std::nullopt));
  CHECK(ids_of(node) == ids_of(fresh));
  CHECK(ids_of(node).size() > 50);
}

TEST_CASE("admit_batch: what trust add let in meanwhile is no longer waited for by those behind it", "[replica]") {
  const TempFolder folder;
  TestNode writer(folder.path(), "writer", test_document()), stranger(folder.path(), "stranger", test_document());
  TestNode node(folder.path(), "node", test_document());
  node.trust(writer, "writer");
  writer.trust(stranger, "stranger");
  stranger.trust(writer, "writer");
  const Verifier verifier(test_document());
  const auto give = [&](const OpRow& row) {
    const std::vector ops{*verifier.verify(row.op)};
    must(admit_batch(node.replica(), ops, "peer:w", std::nullopt));
  };
  const OpRow base = writer.insert("477_story_base");
  stranger.receive(base);
  const OpRow unheard = stranger.insert("478_story_sync");
  const OpRow missing = stranger.insert("479_story_late");
  const OpRow later = writer.insert("480_story_next");
  writer.receive(unheard);
  writer.receive(missing);
  const OpRow behind = writer.write({OpKind::set, unheard.id, "stage", "\"done\"", {}});
  OpRow nowhere = base;
  nowhere.id = op_id_of(0xee);
  const OpRow orphan = writer.fork(nowhere, {OpKind::insert, OpId{}, "481_story_orphan", "{\"stage\":\"done\"}", {}});
  give(base);
  give(later);
  give(unheard);
  give(orphan);  // the last in quarantine, and it stays
  node.trust(stranger, "stranger");
  REQUIRE(must(node.log().quarantine_count()) == 1);
  give(behind);
  give(missing);
  CHECK(must(node.log().facts(behind.id)).has_value());
  CHECK(must(node.log().quarantine_count()) == 1);
}

TEST_CASE("admit_batch: when a full quarantine gives up an op, the mark of every peer is lost, and it is said",
          "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document(), {.ops = 1'000});
  std::uint64_t made = 0;
  const auto orphans = [&](std::size_t count) {
    std::vector<VerifiedOp> ops;
    for (std::size_t i = 0; i < count; ++i) {
      Op op = plain_op(OpKind::insert);
      op.index = OpIndex{2 + ++made};
      op.prev = op_id_of(0xee);
      ops.push_back(*sign_op(identity_of(1), op, plain_content(op.kind)));
    }
    return ops;
  };
  const auto source = [](std::uint8_t number) { return "peer:" + std::string(64, static_cast<char>('0' + number)); };
  const auto record = [](std::uint8_t number) {
    PeerRecord peer = record_of(number, 5);
    peer.peer.key.fill(static_cast<std::uint8_t>(number * 0x11));
    return peer;
  };
  const auto marks = [&] {
    return std::ranges::count_if(must(node.log().peers()),
                                 [](const PeerRecord& peer) { return peer.heard.has_value(); });
  };
  // Each with what it depends on missing, so that what is stored with it is no mark.
  CHECK_FALSE(must(admit_batch(node.replica(), orphans(600), source(1), std::nullopt)).gave_up);
  CHECK_FALSE(must(admit_batch(node.replica(), orphans(400), source(2), std::nullopt)).gave_up);
  must(admit_batch(node.replica(), {}, source(1), record(1)));
  must(admit_batch(node.replica(), {}, source(2), record(2)));
  CHECK(marks() == 2);
  CHECK(must(admit_batch(node.replica(), orphans(1), source(2), record(2))).gave_up);
  CHECK(marks() == 0);
}

TEST_CASE("admit_batch: a mark is stored only over the one that it goes on from", "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document());
  const auto mark = [](std::int64_t row) { return record_of(7, row).heard; };
  const auto store = [&](const std::optional<LogMark>& heard, const std::optional<std::optional<LogMark>>& over,
                         bool of_another_log = false) {
    PeerRecord record = record_of(7, 1);
    record.heard = heard;
    record.heard_goes_on = over.has_value();
    record.heard_before = over.value_or(std::nullopt);
    if (of_another_log) record.log.bytes.fill(0x77);
    must(admit_batch(node.replica(), {}, peer(7), record));
    return must(node.log().peers()).front().heard;
  };
  CHECK(store(mark(5), std::nullopt) == mark(5));
  CHECK(store(mark(6), mark(5)) == mark(6));
  // As a full quarantine does from another process: then nothing that went before comes back.
  CHECK_FALSE(store(std::nullopt, std::nullopt));
  CHECK_FALSE(store(mark(7), mark(6)));
  // Nor when that process has begun a round of its own since, and not when it is through with it.
  const LogMark round{RowId{0}, Digest{{0, 1}}};
  CHECK(store(round, std::nullopt) == round);
  CHECK(store(mark(7), mark(6)) == round);
  CHECK(store(mark(9), round) == mark(9));
  CHECK(store(mark(7), mark(6)) == mark(9));
  CHECK(store(std::nullopt, mark(6)) == mark(9));
  CHECK_FALSE(store(mark(8), mark(9), true));
}

TEST_CASE("admit_batch: with ops whose dependencies are nowhere no mark is stored", "[replica]") {
  const TempFolder folder;
  TestNode writer(folder.path(), "writer", test_document()), node(folder.path(), "node", test_document());
  node.trust(writer, "writer");
  const Verifier verifier(test_document());
  const std::vector first{*verifier.verify(writer.insert("477_story_base").op)};
  const std::vector second{*verifier.verify(writer.insert("478_story_sync").op)};
  const auto stored = [&] { return must(node.log().peers()).front().heard; };
  CHECK(must(admit_batch(node.replica(), second, peer(7), record_of(7, 2))).missing == std::vector{first[0].id()});
  CHECK_FALSE(stored());
  CHECK(must(admit_batch(node.replica(), first, peer(7), record_of(7, 2))).admitted == 2);
  CHECK(stored() == record_of(7, 2).heard);

  SECTION("a copy of one that was refused does not stand for it") {
    SignedOp third = writer.insert("479_story_more").op;
    const std::vector behind{*verifier.verify(writer.insert("480_story_last").op)};
    SignedOp forged = third;
    forged.signature.bytes[5] ^= 1;
    CHECK(std::holds_alternative<Reject>(must(admit(node.replica(), forged, peer(7)))));
    CHECK(must(admit_batch(node.replica(), behind, peer(7), record_of(7, 4))).missing ==
          std::vector{verifier.verify(third)->id()});
  }
}

}  // namespace
}  // namespace musher::testing
