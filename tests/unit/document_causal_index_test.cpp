#include <catch2/catch.hpp>
#include <map>

#include "document/causal_index.hpp"
#include "support/history.hpp"
#include "support/property.hpp"

namespace musher {
namespace {

using namespace testing;

bool precedes(const CausalIndex& index, const OpId& ancestor, const OpId& descendant) {
  return index.precedes(ancestor, descendant).value();
}

void add_all(CausalIndex& index, const History& history) {
  for (const Entry& entry : history) REQUIRE(index.add(entry.id, entry.op));
}

TEST_CASE("causal index: agrees with a walk over the dependencies, for all pairs of random histories", "[document]") {
  CHECK(holds("any causal order, with duplicates", [](const std::vector<Gene>& genes, unsigned seed) {
    std::mt19937 random(seed);
    const History history = random_history(genes);
    const Ancestors ancestors = ancestors_of(history);
    CausalIndex index;
    for (const Entry& entry : with_duplicates(shuffled(history, random), random))
      RC_ASSERT(index.add(entry.id, entry.op));
    RC_ASSERT(index.size() == history.size());
    for (std::size_t of = 0; of < history.size(); ++of) {
      for (std::size_t op = 0; op < history.size(); ++op) {
        RC_ASSERT(precedes(index, history[of].id, history[op].id) == ancestors[op][of]);
      }
    }
    std::vector<OpId> ids{id_of(1'000'000)};  // not here
    for (const Entry& entry : history) ids.push_back(entry.id);
    for (std::size_t op = 0; op < history.size(); ++op) {
      const auto asked = std::span(ids).subspan(random() % ids.size());
      const std::vector<bool> precede = index.any_descends_from(std::span(&history[op].id, 1), asked).value();
      RC_ASSERT(precede.size() == asked.size());
      for (std::size_t at = 0; at < asked.size(); ++at) {
        const std::size_t of = ids.size() - asked.size() + at;
        RC_ASSERT(precede[at] == (of > 0 && ancestors[op][of - 1]));
      }
    }
    for (int round = 0; round < 10 && !history.empty(); ++round) {
      std::vector<std::size_t> ops(1 + random() % 4);
      for (std::size_t& op : ops) op = random() % history.size();
      std::vector<OpId> asked_about;
      for (const std::size_t op : ops) asked_about.push_back(history[op].id);
      const std::vector<bool> precede = index.any_descends_from(asked_about, ids).value();
      for (std::size_t of = 0; of < history.size(); ++of) {
        RC_ASSERT(precede[of + 1] == std::ranges::any_of(ops, [&](std::size_t op) { return ancestors[op][of]; }));
      }
    }
  }));
}

TEST_CASE("causal index: a visit meets the newest known op of each branch, none that is not known, and none too old",
          "[document]") {
  CHECK(holds("any causal order", [](const std::vector<Gene>& genes, unsigned seed) {
    std::mt19937 random(seed);
    const History history = shuffled(random_history(genes), random);
    const Ancestors ancestors = ancestors_of(history);
    CausalIndex index;
    add_all(index, history);
    for (EntryNumber op = 0; op < history.size(); ++op) {
      const CausalIndex::Place place = index.place_of(history[op].id);
      RC_ASSERT(place.op == op);
      const EntryNumber oldest = static_cast<EntryNumber>(random()) % (op + 1);
      std::map<EntryNumber, EntryNumber> expected{{place.branch, op}};
      for (EntryNumber of = oldest; of < op; ++of) {
        const EntryNumber branch = index.place_of(history[of].id).branch;
        if (ancestors[op][of] && branch != place.branch) expected[branch] = of;
      }
      std::map<EntryNumber, EntryNumber> newest;
      index.visit_known(place, oldest, [&](CausalIndex::Place known) {
        RC_ASSERT(known.op >= oldest);
        RC_ASSERT(known.branch == index.place_of(history[known.op].id).branch);
        RC_ASSERT(known.op == op || ancestors[op][known.op]);
        EntryNumber& of_branch = newest[known.branch];
        of_branch = std::max(of_branch, known.op);
        return true;
      });
      RC_ASSERT(newest == expected);
    }
  }));
}

TEST_CASE("causal index: long histories of many authors agree with a walk too", "[document]") {
  std::mt19937 random(20'260'409);
  for (int round = 0; round < 8; ++round) {
    std::vector<Gene> genes(600);
    for (Gene& gene : genes) {
      for (std::uint16_t& number : gene) number = static_cast<std::uint16_t>(random());
      gene[4] = static_cast<std::uint16_t>(gene[4] % 8 < 5 ? 1 : gene[4]);  // mostly one parent,
      gene[5] = static_cast<std::uint16_t>(gene[5] % 12);                   // and a recent one
    }
    const History history = random_history(genes);
    const Ancestors ancestors = ancestors_of(history);
    CausalIndex index;
    add_all(index, shuffled(history, random));
    for (int question = 0; question < 20'000; ++question) {
      const std::size_t of = random() % history.size();
      const std::size_t op = random() % history.size();
      REQUIRE(precedes(index, history[of].id, history[op].id) == ancestors[op][of]);
    }
  }
}

TEST_CASE("causal index: an op does not precede itself, nor what is not here", "[document]") {
  Writer writer;
  const OpId first = writer.insert({});
  CausalIndex index;
  add_all(index, writer.history());
  CHECK_FALSE(precedes(index, first, first));
  CHECK_FALSE(precedes(index, id_of(1), first));
  CHECK_FALSE(precedes(index, first, id_of(1)));
}

TEST_CASE("causal index: an op with a dependency that is not here is refused and leaves nothing behind", "[document]") {
  Writer writer;
  const OpId first = writer.insert({});
  Op op = writer.last().op;
  CausalIndex index;
  add_all(index, writer.history());
  SECTION("prev") { op.prev = id_of(1); }
  SECTION("target") { op.target = id_of(1); }
  SECTION("parent") { op.parents = {first, id_of(1)}; }
  CHECK_FALSE(index.add(id_of(2), op));
  CHECK_FALSE(index.contains(id_of(2)));
  CHECK(index.size() == 1);
}

TEST_CASE("causal index: each branch of an equivocation knows what was before it, not the other branch", "[document]") {
  Writer writer;
  const OpId other = writer.insert({.author = 2});
  const OpId root = writer.insert({.parents = {other}});
  const OpId left = writer.insert({.prev = root});
  const OpId right = writer.insert({.prev = root});
  const OpId right_again = writer.insert({.prev = right});
  const OpId left_again = writer.insert({.prev = left});
  CausalIndex index;
  add_all(index, writer.history());
  for (const OpId& before : {other, root}) {
    for (const OpId& after : {left, left_again, right, right_again}) CHECK(precedes(index, before, after));
  }
  CHECK(precedes(index, left, left_again));
  CHECK(precedes(index, right, right_again));
  CHECK_FALSE(precedes(index, left, right_again));
  CHECK_FALSE(precedes(index, right, left_again));
}

TEST_CASE("causal index: what a branch knows through others counts from the op that learnt it", "[document]") {
  Writer writer;
  const OpId a1 = writer.insert({.author = 1});
  const OpId b1 = writer.insert({.author = 2, .parents = {a1}});
  const OpId c1 = writer.insert({.author = 3});
  const OpId c2 = writer.insert({.author = 3, .parents = {b1}});
  const OpId d1 = writer.set({.author = 4, .target = c1});
  const OpId d2 = writer.set({.author = 4, .target = c2});
  CausalIndex index;
  add_all(index, writer.history());
  CHECK(precedes(index, a1, c2));
  CHECK_FALSE(precedes(index, a1, c1));
  CHECK_FALSE(precedes(index, a1, d1));
  CHECK(precedes(index, a1, d2));
}

}  // namespace
}  // namespace musher
