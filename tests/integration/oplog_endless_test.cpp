// Files made so that reading them would never end: every reader gives up with "damaged", and a writer does not keep the
// lock.

#include <catch2/catch.hpp>

#include "oplog/sql.hpp"
#include "support/btree_bomb.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// One op, so that a question for one key never meets another; then the B-tree of one table or index made endless.
struct EndlessLog {
  explicit EndlessLog(const std::string& object) {
    {
      const auto log = scratch.open();
      auto write = must(log->begin_write(std::chrono::seconds(1)));
      must(write->set_author({1, "alice", "add", {identity_of(1).author(), "a", Trust::allowed, false, {}}}));
      must(append_op(*write, identity_of(1), {.name = "one", .content = "{}"}));
      must(write->commit());
    }
    make_btree_bomb(scratch.path(), object);
  }
  ScratchLog scratch;
};

template <class T>
void check_damaged(const Result<T>& read, const std::string& what) {
  REQUIRE_FALSE(read);
  CHECK(to_string(read.error().code) == "damaged");
  CHECK(read.error().what == what);
  CHECK(read.error().hint.find("musher verify-order --log /") == 0);
}

}  // namespace

TEST_CASE("endless: the derived and trust tables are given up as damaged", "[oplog]") {
  const std::string table = GENERATE("heads", "tips", "authors");
  CAPTURE(table);
  const EndlessLog endless(table);
  const auto log = endless.scratch.open(OpenMode::read);
  const std::string what = "the table " + table + " has keys that are out of order";
  if (table == "heads") check_damaged(log->heads(), what);
  if (table == "tips") check_damaged(log->tips(), what);
  if (table == "tips") check_damaged(log->tips_of(identity_of(1).author()), what);
  if (table == "authors") check_damaged(log->authors(), what);
}

TEST_CASE("endless: rows counted or found over an index are no more than the file can hold", "[oplog]") {
  const std::string what = "an index of crdt_ops gives more rows than the file can hold";
  SECTION("op ids") {
    const EndlessLog endless("crdt_ops_op_id");
    check_damaged(endless.scratch.open(OpenMode::read)->count(), what);
  }
  SECTION("stories") {
    const EndlessLog endless("crdt_ops_story");
    const auto log = endless.scratch.open(OpenMode::read);
    {
      INFO("ids");
      check_damaged(log->story_ids(), what);
    }
    check_damaged(log->scan_story("one", RowId{100}, StoryPart::all, [](const ScannedRow&) { return true; }), what);
  }
  SECTION("authors") {
    const EndlessLog endless("crdt_ops_author");
    const auto log = endless.scratch.open(OpenMode::read);
    check_damaged(log->ops_at(identity_of(1).author(), OpIndex{1}), what);
    CHECK(must(log->first_branch(identity_of(1).author(), OpIndex{9})) == OpIndex{1});
  }
}

TEST_CASE("endless: SQLite's own check ends, and each line it prints is a problem of its own", "[oplog]") {
  const EndlessLog endless("heads");
  const auto log = endless.scratch.open(OpenMode::read);
  const auto problems = must(log->integrity_problems());
  CHECK(problems.size() > 3);
  CHECK(problems.size() <= 101);
  for (const std::string& problem : problems) CHECK(problem.find('\n') == std::string::npos);
  const auto stopped = log->integrity_problems([] { return true; });
  CHECK((stopped || stopped.error().code == Errc::incomplete));
  CHECK_FALSE(must(log->integrity_problems()).empty());
}

TEST_CASE("endless: a writer that meets such a file ends, and gives the lock back", "[oplog]") {
  const std::string object = GENERATE("heads", "tips");
  CAPTURE(object);
  const EndlessLog endless(object);
  const auto log = endless.scratch.open();
  {
    auto write = log->begin_write(std::chrono::seconds(1));
    if (write) {
      CHECK_FALSE(append_op(**write, identity_of(1), {.name = "three", .content = "{}"}));
    }
  }
  const auto other = endless.scratch.open();
  const auto again = other->begin_write(std::chrono::milliseconds(10));
  CHECK((again || again.error().code != Errc::busy));
}

TEST_CASE("endless: a question without an answer is ended after the time a step may take, or when one says so",
          "[oplog]") {
  const ScratchLog scratch;
  sql::Connection connection(scratch.path().string(), sql::Connection::Access::read);
  bool stop = false;
  SECTION("time") { connection.limit_step(std::chrono::milliseconds(20)); }
  SECTION("on demand") {
    connection.stop_when([&] { return stop; });
    stop = true;
  }
  const auto count = sql::guarded("read", "x.db", [&] {
    sql::Query query(connection,
                     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    return query.step();
  });
  REQUIRE_FALSE(count);
  CHECK(to_string(count.error().code) == "incomplete");
  CHECK(count.error().what.find("cannot read x.db: the work was stopped") == 0);
}
