// What the ops that wait wait for: found without looking at each pair, and whatever others append meanwhile.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "oplog/sqlite_op_log.hpp"
#include "replica/settlement.hpp"
#include "replica/waiting_index.hpp"
#include "support/log_builder.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

namespace musher::testing {
namespace {

OpId numbered(std::uint32_t number) {
  OpId id;
  for (std::size_t byte = 0; byte < 4; ++byte) id.hash[byte] = static_cast<std::uint8_t>(number >> (8 * byte));
  id.hash[31] = 1;
  return id;
}

TEST_CASE("waiting index: any number of erases of one op that may not enter are counted, not searched for each other",
          "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document());
  const auto trust = must(TrustPolicy::read(node.log()));
  WaitingIndex index;
  const auto op = [author = node.author()](OpKind kind, const OpId& target, const OpId& prev) {
    Op made;
    made.kind = kind;
    made.author = author;
    made.target = target;
    made.prev = prev;
    return made;
  };
  // Two ops without content. All erases of the first build on the second, whose only erase builds on what never comes.
  const OpId erased = numbered(1), below = numbered(2), never = numbered(3);
  index.add(erased, op(OpKind::insert, {}, {}), true);
  index.add(below, op(OpKind::insert, {}, {}), true);
  index.add(numbered(4), op(OpKind::erase, below, never), false);
  // So many that looking at each pair takes hours.
  constexpr std::uint32_t kErases = 300'000;
  for (std::uint32_t number = 5; number < 5 + kErases; ++number) {
    index.add(numbered(number), op(OpKind::erase, erased, below), false);
  }
  CHECK(must(index.may_enter(node.log(), trust, std::vector{below})).empty());
  // With an erase that may enter all of them may.
  index.add(numbered(5 + kErases), op(OpKind::erase, below, {}), false);
  CHECK(must(index.may_enter(node.log(), trust, std::vector{below})).size() == kErases + 3);
}

TEST_CASE("waiting index: when the copy with content is gone the op needs an erase again", "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document());
  const auto trust = must(TrustPolicy::read(node.log()));
  WaitingIndex index;
  Op insert;
  insert.kind = OpKind::insert;
  insert.author = node.author();
  const OpId id = numbered(1);
  index.add(id, insert, false);
  CHECK(must(index.may_enter(node.log(), trust, std::vector{id})) == std::vector{id});
  index.content_gone(id);
  CHECK(must(index.may_enter(node.log(), trust, std::vector{id})).empty());
  Op erase = insert;
  erase.kind = OpKind::erase;
  erase.target = id;
  index.add(numbered(2), erase, false);
  CHECK(must(index.may_enter(node.log(), trust, std::vector{id})).size() == 2);
}

TEST_CASE("waiting index: what another connection appended is seen, though it was looked for before", "[replica]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document()), other(folder.path(), "other", test_document());
  node.trust(other, "other");
  const OpRow first = other.insert("first"), second = other.insert("second");
  const Verifier verifier(test_document());
  const auto may_enter = [&](WriteTransaction& log, WaitingIndex& index) {
    return must(index.may_enter(log, must(TrustPolicy::read(log)), std::vector{second.id}));
  };
  const auto settle_index = [](WriteTransaction& log, WaitingIndex& index) {
    const auto extent = must(log.quarantine_extent());
    const Mark end = must(log.last_mark());
    REQUIRE(log.commit());
    index.settled_at(extent, {end.row, end.chain});
  };
  auto mine = must(SqliteOpLog::open(node.log().info().path, OpenMode::write));
  WaitingIndex index;
  {
    auto log = must(mine->begin_write(std::chrono::seconds(10)));
    REQUIRE(index.refresh(*log));
    must(log->quarantine_add(quarantined(second.op, "dependency_missing", "peer", 1)));
    index.add(second.id, second.op.op, false);
    CHECK(may_enter(*log, index).empty());
    settle_index(*log, index);
  }
  SECTION("the op") {
    auto theirs = must(SqliteOpLog::open(node.log().info().path, OpenMode::write));
    auto log = must(theirs->begin_write(std::chrono::seconds(10)));
    must(log->append(verifier.verify(first.op).value(), Depth{1}, "local", 1, false));
    REQUIRE(log->commit());
  }
  SECTION("the op, and more than anybody looks at one by one") {
    auto own = must(OwnWrite::begin(node.replica()));
    for (int story = 0; story < 1'001; ++story) {
      must(own.append({OpKind::insert, OpId{}, fmt::format("story_{}", story), "{}", {}}));
    }
    REQUIRE(own.commit());
    auto theirs = must(SqliteOpLog::open(node.log().info().path, OpenMode::write));
    auto log = must(theirs->begin_write(std::chrono::seconds(10)));
    must(log->append(verifier.verify(first.op).value(), Depth{1}, "local", 1, false));
    REQUIRE(log->commit());
  }
  auto log = must(mine->begin_write(std::chrono::seconds(10)));
  REQUIRE(index.refresh(*log));
  CHECK(may_enter(*log, index) == std::vector{second.id});
}

}  // namespace
}  // namespace musher::testing
