// What a server holds of its log: how it comes to it.

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "server/live_log.hpp"
#include "support/log_builder.hpp"
#include "support/raw_database.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

using namespace musher;
using namespace musher::testing;

TEST_CASE("live log: rows are applied a few in a turn, in order, until none is left", "[server]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document());
  node.insert("first");
  const auto live = must(LiveLog::open({.path = node.log().info().path}));
  CHECK_FALSE(live->catch_up().more);
  REQUIRE(live->applied() == RowId{1});
  for (int i = 0; i < 5; ++i) node.insert(fmt::format("story_{}", i));

  const LogChanges some = live->catch_up(2);
  CHECK(some.ops == 2);
  CHECK(some.stories == std::vector<std::string>{"story_0", "story_1"});
  CHECK(some.more);
  CHECK(live->applied() == RowId{3});
  int turns = 1;
  for (bool more = true; more; ++turns) more = live->catch_up(2).more;
  CHECK(turns == 3);
  CHECK(live->applied() == must(node.log().last_row()));
  CHECK(live->live().document().state_digest() == node.document().document().state_digest());
}

TEST_CASE("live log: row numbers that were never given out hold nobody up", "[server]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document());
  node.insert("first");
  const auto live = must(LiveLog::open({.path = node.log().info().path}));
  live->catch_up();
  RawDatabase(node.log().info().path).exec("UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'crdt_ops'");
  node.insert("behind");
  CHECK(live->catch_up(2).ops == 1);
  CHECK(live->applied() == RowId{1'001});
}

TEST_CASE("live log: a change of trust builds all of it again, whatever the turn", "[server]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document()), other(folder.path(), "other", test_document());
  node.insert("first");
  std::uint64_t read = 0;
  const auto live =
      must(LiveLog::open({.path = node.log().info().path, .on_progress = [&](std::uint64_t rows) { read = rows; }}));
  live->catch_up();
  for (int i = 0; i < 5; ++i) node.insert(fmt::format("story_{}", i));
  CHECK(live->catch_up(3).more);
  node.trust(other, "other");
  read = 0;
  const LogChanges changes = live->catch_up(1);
  CHECK(read == 6);
  CHECK(changes.rebuilt);
  CHECK_FALSE(changes.more);
  CHECK(live->applied() == must(node.log().last_row()));
  CHECK(live->live().document().state_digest() == node.document().document().state_digest());
  CHECK(live->problem().empty());
}

TEST_CASE("live log: two ops of one author after the same op are told of when the second comes, once an index",
          "[server]") {
  const TempFolder folder;
  TestNode node(folder.path(), "node", test_document()), mallory(folder.path(), "mallory", test_document());
  node.trust(mallory, "mallory");
  const auto insert = [&](const OpRow& prev, const char* story) {
    const OpRow made = mallory.fork(prev, {OpKind::insert, OpId{}, story, "{}", {}});
    node.receive(made);
    return made;
  };
  const OpRow first = mallory.insert("first");
  node.receive(first);
  insert(first, "old_one");
  insert(first, "old_two");
  const auto live = must(LiveLog::open({.path = node.log().info().path}));
  CHECK(live->catch_up().equivocations.empty());  // what was there is for the audit

  const OpRow tip = node.rows().back();
  const OpRow one = insert(tip, "one");
  CHECK(live->catch_up().equivocations.empty());
  const OpRow two = insert(tip, "two");
  insert(tip, "three");
  insert(one, "goes_on");
  insert(two, "goes_on_too");  // its index is shared as well, but nobody wrote twice after `two`
  const auto told = live->catch_up().equivocations;
  REQUIRE(told.size() == 1);
  CHECK(told[0].author == mallory.author());
  CHECK(told[0].index == one.op.op.index);
  CHECK(told[0].first == one.id);
  CHECK(told[0].second == two.id);

  // Rows that are applied again are no news, and what comes with them is.
  TestNode other(folder.path(), "other", test_document());
  node.trust(other, "other");
  CHECK(live->catch_up().equivocations.empty());
  insert(tip, "four");
  CHECK(live->catch_up().equivocations.empty());
  insert(two, "again");
  CHECK(live->catch_up().equivocations.size() == 1);
  CHECK(live->problem().empty());
}
