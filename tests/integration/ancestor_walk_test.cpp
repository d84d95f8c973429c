// Ancestry asked of a log: the same answers as the index in memory gives, branches of one key included.

#include "replica/ancestor_walk.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "document/causal_index.hpp"
#include "replica/story.hpp"
#include "support/counting_reader.hpp"
#include "support/first_ops.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

template <class T>
T any_of(const std::vector<T>& from, std::mt19937& random) {
  return from[random() % from.size()];
}

/// Ops of three authors, each on its own last op or, one time in eight, on any of its ops.
class RandomLog {
 public:
  explicit RandomLog(unsigned seed) : random_(seed) {
    const auto log = scratch_.open();
    auto write = must(log->begin_write(std::chrono::seconds(1)));
    for (int i = 0; i < 60; ++i) append(*write);
    must(write->commit());
  }
  [[nodiscard]] const ScratchLog& scratch() const { return scratch_; }
  [[nodiscard]] const CausalIndex& index() const { return index_; }
  [[nodiscard]] const std::vector<OpId>& ids() const { return ids_; }

 private:
  void append(WriteTransaction& log) {
    const auto author = static_cast<std::uint8_t>(1 + random_() % 3);
    Op op = plain_op(OpKind::insert);
    op.author = identity_of(author).author();
    op.name = std::to_string(ids_.size());
    auto& own = by_author_[author];
    if (!own.empty()) {
      op.prev = random_() % 8 == 0 ? any_of(own, random_) : own.back();
      op.index = next(must(log.facts(op.prev))->index);
    }
    for (auto count = ids_.empty() ? 0 : random_() % 3; count > 0; --count) {
      const OpId parent = any_of(ids_, random_);
      if (std::ranges::find(op.parents, parent) == op.parents.end()) op.parents.push_back(parent);
    }
    std::ranges::sort(op.parents);
    Depth depth{1};
    for (const OpId& id : dependencies(op)) depth = std::max(depth, next(must(log.facts(id))->depth));
    const VerifiedOp made = must(sign_op(identity_of(author), op, plain_content(OpKind::insert)));
    must(log.append(made, depth, "local", 0, false));
    REQUIRE(index_.add(made.id(), made.op()));
    own.push_back(made.id());
    ids_.push_back(made.id());
  }

  std::mt19937 random_;
  ScratchLog scratch_;
  CausalIndex index_;
  std::vector<OpId> ids_;
  std::map<std::uint8_t, std::vector<OpId>> by_author_;
};

}  // namespace

TEST_CASE("ancestor walk: answers as the index in memory does, in any order of questions", "[replica]") {
  const unsigned seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  const RandomLog random(seed);
  const auto log = random.scratch().open(OpenMode::read);
  const LogAncestry ancestry(*log);
  std::mt19937 order(seed);
  for (const OpId& descendant : random.ids()) {
    auto ancestors = random.ids();
    std::ranges::shuffle(ancestors, order);
    for (const OpId& ancestor : ancestors) {
      if (must(ancestry.precedes(ancestor, descendant)) != must(random.index().precedes(ancestor, descendant)))
        FAIL("a pair differs");
    }
  }
  CHECK_FALSE(must(ancestry.precedes(op_id_of(9), random.ids().back())));
  CHECK_FALSE(must(ancestry.precedes(random.ids().front(), op_id_of(9))));
}

TEST_CASE("ancestor walk: from several starts, also such as come later", "[replica]") {
  const RandomLog random(7);
  const auto log = random.scratch().open(OpenMode::read);
  KnownPlaces places(*log);
  AncestorWalk walk(places);
  std::vector<OpId> starts;
  for (const std::size_t start : {20U, 35U, 59U}) {
    starts.push_back(random.ids()[start]);
    must(walk.start_from(starts.back()));
    for (const OpId& op : random.ids()) {
      const bool expected = std::ranges::any_of(
          starts, [&](const OpId& id) { return id == op || must(random.index().precedes(op, id)); });
      CHECK(must(walk.reaches(op)) == expected);
    }
  }
}

TEST_CASE("ancestor walk: what an op knows of many is as the index in memory says, walked or remembered", "[replica]") {
  const unsigned seed = GENERATE(range(1U, 9U));
  const std::size_t most_met = GENERATE(0U, 60U, LogAncestry::kMostMet);
  CAPTURE(seed, most_met);
  const RandomLog random(seed);
  const auto log = random.scratch().open(OpenMode::read);
  const LogAncestry ancestry(*log, most_met);
  std::mt19937 order(seed);
  // Each "purge" when its row comes, as a story is read, or some of them late.
  const bool late = order() % 2 == 0;
  std::vector<OpId> purges;
  NumberSet all;
  for (const OpId& descendant : random.ids()) {
    const auto knows = [&](const OpId& purge) {
      return purge == descendant || must(random.index().precedes(purge, descendant));
    };
    CHECK(must(ancestry.descends_from_all(descendant, all)) == std::ranges::all_of(purges, knows));
    NumberSet known;
    for (const OpId& purge : purges) {
      if (knows(purge)) known.add(must(ancestry.purge_number(purge)));
    }
    CHECK(must(ancestry.descends_from_all(descendant, known)));
    if (order() % 3 != 0) continue;
    purges.push_back(late ? any_of(random.ids(), order) : descendant);
    if (!all.add(must(ancestry.purge_number(purges.back())))) purges.pop_back();
  }
  all.add(must(ancestry.purge_number(op_id_of(9))));  // not in the log
  CHECK_FALSE(must(ancestry.descends_from_all(random.ids().back(), all)));
}

TEST_CASE("ancestor walk: a story of many purges and inserts that follow all of them is read once, all of index 1",
          "[replica]") {
  constexpr std::uint64_t kPurges = 256, kInserts = 100;
  const ScratchLog scratch;
  const auto log = scratch.open();
  FirstOps ops(*log);
  const OpId first = ops.add(OpKind::insert, "478", {}, {});
  std::vector<OpId> merges;
  for (std::uint64_t merge = 0; merge < kPurges / kMaxParents; ++merge) {
    std::vector<OpId> purges;
    for (std::size_t n = 0; n < kMaxParents; ++n) purges.push_back(ops.add(OpKind::tombstone, "478", first, {}));
    merges.push_back(ops.add(OpKind::insert, "503", {}, std::move(purges)));
  }
  for (std::uint64_t n = 0; n < kInserts; ++n) ops.add(OpKind::insert, "478", {}, merges);
  ops.commit();

  CountingReader counted(*log);
  const TrustPolicy trust = must(TrustPolicy::read(counted));
  const Story story = must(load_presence(counted, trust, "478", must(counted.last_row())));
  CHECK(std::ranges::count(story.items, true, &ItemState::visible) == kInserts);
  CHECK(counted.reads < 10 * (kPurges + kInserts));
}
