#include "document/known_purges.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "support/property.hpp"

namespace musher {
namespace {

using testing::holds;

/// What each op knows, by the book: the sets themselves.
struct Plain {
  std::vector<std::set<EntryNumber>> known;  // by op

  void add(const std::vector<EntryNumber>& dependencies, EntryNumber purge) {
    std::set<EntryNumber> all;
    for (const EntryNumber dependency : dependencies) all.insert(known[dependency].begin(), known[dependency].end());
    if (purge != kNoEntry) all.insert(purge);
    known.push_back(std::move(all));
  }
};

NumberSet set_of(const std::set<EntryNumber>& numbers) {
  NumberSet set;
  for (const EntryNumber number : numbers) CHECK(set.add(number));
  return set;
}

/// Asks of an op all that it knows, and that with one more.
bool agrees(const KnownPurges& known, const Plain& plain, EntryNumber op, EntryNumber purges) {
  const std::set<EntryNumber>& mine = plain.known[op];
  NumberSet set = set_of(mine);
  if (!known.knows_all(op, set)) return false;
  for (EntryNumber other = 0; other < purges; ++other) {
    if (mine.contains(other)) continue;
    NumberSet more = set;
    more.add(other);
    if (known.knows_all(op, more)) return false;
  }
  return true;
}

TEST_CASE("number set: has what was added, in any order, and it can be told what of it is missing", "[document]") {
  NumberSet set;
  MissingNumbers missing;
  missing.start(set);
  CHECK(missing.none());
  for (const std::uint32_t number : {700U, 3U, 64U, 0U, 63U}) CHECK(set.add(number));
  CHECK_FALSE(set.add(64));
  CHECK(set.contains(64));
  CHECK_FALSE(set.contains(65));
  CHECK_FALSE(set.contains(6400));
  std::vector<std::uint32_t> down;
  set.for_each_down([&](std::uint32_t number) {
    down.push_back(number);
    return down.size() < 4;
  });
  CHECK(down == std::vector<std::uint32_t>{700, 64, 63, 3});
  missing.start(set);
  missing.found(std::vector{~std::uint64_t{1}, ~std::uint64_t{0}});  // but 0 and 700
  missing.found(3);
  missing.found(700);
  CHECK_FALSE(missing.none());
  missing.found(701);
  missing.found(1'000);
  CHECK_FALSE(missing.none());
  missing.found(0);
  CHECK(missing.none());
}

TEST_CASE("known purges: as the sets themselves, for any DAG, with much, little and no room", "[document]") {
  CHECK(holds("any DAG", [](unsigned seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
    const EntryNumber ops = 1 + below(250);
    const unsigned most_dependencies = 1 + below(6), recent = 1 + below(40), one_in = 1 + below(8);
    KnownPurges roomy, narrow(200), none(0);
    Plain plain;
    std::vector<EntryNumber> numbers(ops);  // of purges, in an order of their own
    for (EntryNumber at = 0; at < ops; ++at) numbers[at] = at;
    std::ranges::shuffle(numbers, random);
    std::vector<EntryNumber> of_op;
    for (EntryNumber op = 0; op < ops; ++op) {
      std::vector<EntryNumber> dependencies;
      for (unsigned count = below(most_dependencies + 1); op > 0 && count > 0; --count) {
        dependencies.push_back(below(4) == 0 ? below(op) : op - 1 - below(std::min(op, recent)));
      }
      of_op.push_back(below(one_in) == 0 ? numbers[op] : kNoEntry);
      for (KnownPurges* each : {&roomy, &narrow, &none}) {
        each->add(dependencies, of_op.back());
        RC_ASSERT(each->size() == op + 1);
      }
      plain.add(dependencies, of_op.back());
      if (below(32) != 0) continue;
      const EntryNumber asked = below(op + 1);
      for (const KnownPurges* each : {&roomy, &narrow, &none}) RC_ASSERT(agrees(*each, plain, asked, ops));
    }
    for (EntryNumber op = 0; op < ops; ++op) {
      for (const KnownPurges* each : {&roomy, &narrow, &none}) {
        RC_ASSERT(each->knows_all(op, set_of(plain.known[op])));
        RC_ASSERT(of_op[op] == kNoEntry || each->purge_number(op) == of_op[op]);
      }
    }
  }));
}

TEST_CASE("known purges: each of thousands is missed by one op that knows all others", "[document]") {
  constexpr EntryNumber kPurges = 3'000;
  KnownPurges known;
  std::vector<EntryNumber> up, down;
  NumberSet all;
  for (EntryNumber purge = 0; purge < kPurges; ++purge) {
    known.add({}, purge);
    all.add(purge);
  }
  const auto add = [&](std::vector<EntryNumber> dependencies) {
    known.add(dependencies);
    return known.size() - 1;
  };
  for (EntryNumber at = 0; at < kPurges; ++at) {
    up.push_back(up.empty() ? add({at}) : add({at, up.back()}));
    down.push_back(down.empty() ? add({kPurges - 1}) : add({kPurges - 1 - at, down.back()}));
  }
  for (EntryNumber missed = 1; missed + 1 < kPurges; ++missed) {
    const EntryNumber but_one = add({up[missed - 1], down[kPurges - 2 - missed]});
    REQUIRE_FALSE(known.knows_all(but_one, all));
    REQUIRE(known.knows_all(add({but_one, missed}), all));
  }
}

}  // namespace
}  // namespace musher
