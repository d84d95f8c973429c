// What a story purged by many costs who reads it through the log: in basic blocks run (the code that walks is compiled
// for this test to count them, tests/CMakeLists.txt).

#include <catch2/catch.hpp>

#include "document/purges.hpp"
#include "replica/ancestor_walk.hpp"
#include "support/blocks_run.hpp"
#include "support/first_ops.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// The blocks it takes to ask of `each` inserts whether they live, each of which knows all of as many purges but
/// another.
std::uint64_t work(std::size_t each, std::size_t most_met) {
  const ScratchLog scratch;
  const auto log = scratch.open();
  FirstOps ops(*log);
  const OpId first = ops.add(OpKind::insert, "478", {}, {});
  std::vector<OpId> purges, up, down, inserts;
  for (std::size_t n = 0; n < each; ++n) purges.push_back(ops.add(OpKind::tombstone, "478", first, {}));
  const auto link = [&](std::vector<OpId>& chain, const OpId& purge) {
    std::vector<OpId> parents{purge};
    if (!chain.empty()) parents.push_back(chain.back());
    chain.push_back(ops.add(OpKind::insert, "503", {}, std::move(parents)));
  };
  for (std::size_t n = 0; n < each; ++n) link(up, purges[n]);
  for (std::size_t n = 0; n < each; ++n) link(down, purges[each - 1 - n]);
  for (std::size_t missed = 1; missed + 1 < each; ++missed) {
    inserts.push_back(ops.add(OpKind::insert, "478", {}, {up[missed - 1], down[each - 2 - missed]}));
  }
  const OpId alive = ops.add(OpKind::insert, "478", {}, {up.back()});
  ops.commit();

  const LogAncestry ancestry(*log, most_met);
  Purges asked;
  blocks_run = 0;
  for (const OpId& purge : purges) must(asked.add(purge, ancestry));
  for (const OpId& insert : inserts) REQUIRE(must(asked.hide(insert, ancestry)));
  REQUIRE_FALSE(must(asked.hide(alive, ancestry)));
  return blocks_run;
}

}  // namespace

TEST_CASE("ancestor walk: inserts that each know all of many purges but another are not compared with all of them",
          "[replica]") {
  constexpr std::size_t kMostMet = 1'000;
  const std::uint64_t half = work(300, kMostMet);
  const std::uint64_t whole = work(600, kMostMet);
  INFO(half << " and " << whole << " blocks");
  REQUIRE(half > 300);  // the counting is compiled in
  CHECK(whole < 3 * half);
}
