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
  const auto live = must(LiveLog::open({.path = node.log().info().path}));
  live->catch_up();
  for (int i = 0; i < 5; ++i) node.insert(fmt::format("story_{}", i));
  CHECK(live->catch_up(3).more);
  node.trust(other, "other");
  const LogChanges changes = live->catch_up(1);
  CHECK(changes.rebuilt);
  CHECK_FALSE(changes.more);
  CHECK(live->applied() == must(node.log().last_row()));
  CHECK(live->live().document().state_digest() == node.document().document().state_digest());
  CHECK(live->problem().empty());
}
