// A story read for who shows a page of it: what its ops had to say is read when it is shown.
#include <catch2/catch.hpp>

#include "replica/inspect.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// "1_live" was set three times, "2_gone" deleted, and purged with all its fields.
struct TwoStories {
  TwoStories() {
    auto write = must(log->begin_write(std::chrono::seconds(1)));
    must(write->set_author({1, "alice", "add", {identity_of(1).author(), "alice", Trust::allowed, false, {}}}));
    must(write->commit());
    write.reset();
    LogBuilder alice(*log, identity_of(1));
    const OpId live = alice.insert("1_live");
    alice.set(live, "note", R"("lost")");
    erased = alice.set(live, "note", R"("erased")");
    alice.set(live, "note", R"("won")");
    alice.erase(erased);
    const OpId gone = alice.insert("2_gone");
    alice.set(gone, "note", R"("lost")");
    alice.set(gone, "note", R"("kept")");
    alice.purge(gone, "2_gone");
  }
  ScratchLog scratch;
  std::unique_ptr<SqliteOpLog> log = scratch.open();
  OpId erased;
};

StoryRead without_contents(LogReader& log) { return {.upto = must(log.last_row())}; }

}  // namespace

TEST_CASE("story: one without its ops' contents says the same, and each is there when it is shown", "[replica]") {
  const TwoStories world;
  for (const std::string id : {"1_live", "2_gone"}) {
    CAPTURE(id);
    const StoryReport whole = must(inspect_story(*world.log, id, std::nullopt));
    const StoryReport lean = must(inspect_story(*world.log, id, without_contents(*world.log)));
    CHECK(lean.story.fields == whole.story.fields);
    CHECK(lean.story.items == whole.story.items);
    REQUIRE(lean.removal.has_value() == whole.removal.has_value());
    if (lean.removal) CHECK(lean.removal->row.op.content == whole.removal->row.op.content);
    REQUIRE(lean.history.size() == whole.history.size());
    for (const auto& [field, entries] : whole.history) {
      REQUIRE(lean.history.at(field).size() == entries.size());
      for (std::size_t at = 0; at < entries.size(); ++at) {
        CHECK(lean.history.at(field)[at].op == entries[at].op);
        CHECK(lean.history.at(field)[at].won == entries[at].won);
      }
    }
    REQUIRE(lean.ops.size() == whole.ops.size());
    for (std::size_t at = 0; at < whole.ops.size(); ++at) {
      const OpView& op = lean.ops[at];
      const bool removes = lean.removal && lean.removal->row.id == op.row.id;
      CHECK(op.row.op.content.has_value() == (removes && whole.ops[at].row.op.content));
      CHECK(op.erased == (op.row.id == world.erased));
      CHECK(op.erased == whole.ops[at].erased);
      OpRow shown = op.row;
      must(restore_content(*world.log, shown));
      CHECK(shown.op.content == whole.ops[at].row.op.content);
    }
  }
}

TEST_CASE("story: a row that is another op by now gives no content", "[replica]") {
  const TwoStories world;
  const auto rows = must(world.log->rows(std::vector{RowId{2}, RowId{4}}));
  OpRow row = std::get<OpRow>(rows.at(0));
  row.row = RowId{4};
  must(restore_content(*world.log, row));
  CHECK_FALSE(row.op.content);
}

TEST_CASE("story: reading ends when nobody waits for it any more", "[replica]") {
  const TwoStories world;
  const std::atomic<bool> cancelled{true};
  StoryRead read = without_contents(*world.log);
  read.cancel = &cancelled;
  const auto report = inspect_story(*world.log, "1_live", read);
  REQUIRE_FALSE(report);
  CHECK(report.error().code == Errc::incomplete);
}
