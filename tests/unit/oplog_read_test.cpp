// Every question that LogReader answers, against the same answer worked out from all rows.

#include <catch2/catch.hpp>

#include <limits>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// A log of several stories by several authors, with purges, deletes, erases and a story inserted twice.
class SmallWorld {
 public:
  SmallWorld() {
    const auto log = scratch_.open();
    std::vector<LogBuilder> authors;
    for (std::uint8_t number = 1; number <= 3; ++number) authors.emplace_back(*log, identity_of(number));
    std::mt19937 random(7);
    std::vector<OpId> items, changes;
    for (int i = 0; i < 240; ++i) {
      LogBuilder& author = authors[random() % authors.size()];
      const std::string story = "story_" + std::to_string(random() % 6);
      const auto any = [&](const std::vector<OpId>& ids) { return ids[random() % ids.size()]; };
      const auto dice = items.empty() ? 0 : random() % 20;
      if (dice < 3) {
        items.push_back(author.insert(story));
        story_of_[items.back()] = story;
      } else if (dice < 16) {
        changes.push_back(author.set(any(items), random() % 2 ? "stage" : "agent", std::to_string(i)));
      } else if (dice == 16) {
        const OpId item = any(items);
        changes.push_back(author.purge(item, story_of_[item]));
      } else if (dice == 17) {
        changes.push_back(author.remove(any(items)));
      } else if (!changes.empty()) {
        author.erase(random() % 3 ? any(changes) : any(items));
      }
    }
    rows_ = all_rows(*log);
  }

  [[nodiscard]] std::unique_ptr<SqliteOpLog> open() const { return scratch_.open(OpenMode::read); }
  [[nodiscard]] const std::vector<OpRow>& rows() const { return rows_; }
  [[nodiscard]] const ScratchLog& scratch() const { return scratch_; }
  [[nodiscard]] const OpRow* row_of(const OpId& id) const {
    const auto found = std::ranges::find(rows_, id, &OpRow::id);
    return found == rows_.end() ? nullptr : &*found;
  }
  /// The story an op belongs to, through its targets.
  [[nodiscard]] std::string story_of(const OpRow& row) const {
    if (row.op.op.kind == OpKind::insert) return row.op.op.name;
    return story_of(*row_of(row.op.op.target));
  }

 private:
  ScratchLog scratch_;
  std::map<OpId, std::string> story_of_;
  std::vector<OpRow> rows_;
};

std::vector<RowId> row_ids(const std::vector<ScannedRow>& rows) {
  std::vector<RowId> ids;
  for (const ScannedRow& row : rows) ids.push_back(std::get<OpRow>(row).row);
  return ids;
}

std::vector<RowId> story_rows(LogReader& log, std::string_view story, RowId upto, StoryPart part = StoryPart::all) {
  std::vector<ScannedRow> rows;
  must(log.scan_story(story, upto, part, [&](ScannedRow&& row) {
    rows.push_back(std::move(row));
    return true;
  }));
  return row_ids(rows);
}

bool is_ancestor(const SmallWorld& world, const OpId& ancestor, const OpId& descendant) {
  for (const OpId& id : dependencies(world.row_of(descendant)->op.op)) {
    if (id == ancestor || is_ancestor(world, ancestor, id)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("read: scan gives the rows between two rowids, in order, and stops when told", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  const std::size_t count = world.rows().size();
  CHECK(must(log->last_row()) == RowId{static_cast<std::int64_t>(count)});
  CHECK(must(log->count()) == count);
  std::vector<RowId> seen;
  const auto note = [&](ScannedRow&& row) {
    seen.push_back(std::get<OpRow>(row).row);
    return seen.size() < 5;
  };
  must(log->scan(RowId{10}, RowId{13}, note));
  CHECK(seen == std::vector{RowId{11}, RowId{12}, RowId{13}});
  seen.clear();
  must(log->scan(RowId{0}, RowId{1'000'000}, note));
  CHECK(seen.size() == 5);
  seen.clear();
  must(log->scan(RowId{1'000'000}, RowId{2'000'000}, note));
  must(log->scan(RowId{5}, RowId{5}, note));
  CHECK(seen.empty());
}

TEST_CASE("read: a scan may read the log again from its sink, and holds no transaction meanwhile", "[oplog]") {
  const SmallWorld world;
  const auto reader = world.open();
  const auto writer = world.scratch().open();
  std::size_t rows = 0;
  must(reader->scan(RowId{0}, must(reader->last_row()), [&](ScannedRow&& row) {
    ++rows;
    if (rows % 50 == 0) {
      CHECK(must(reader->find(std::get<OpRow>(row).id)).has_value());
      LogBuilder(*writer, identity_of(9)).insert("meanwhile");  // would wait for a reader that blocks
    }
    return true;
  }));
  CHECK(rows == world.rows().size());
}

TEST_CASE("read: rows come in the order asked for, and one that is not there is left out", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  const std::vector wanted{RowId{9}, RowId{1}, RowId{99'999}, RowId{9}, RowId{0}, RowId{-4}, RowId{2}};
  CHECK(row_ids(must(log->rows(wanted))) == std::vector{RowId{9}, RowId{1}, RowId{9}, RowId{2}});
}

TEST_CASE("read: an op is found by its id and by any prefix of it", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  for (const OpRow& row : world.rows()) {
    const auto found = must(log->find(row.id));
    REQUIRE(found);
    CHECK(std::get<OpRow>(*found).row == row.row);
    const std::string hex = to_hex(row.id.hash);
    for (const std::size_t length : {0U, 1U, 2U, 3U, 7U, 63U, 64U}) {
      std::vector<OpId> expected;
      for (const OpRow& other : world.rows()) {
        if (to_hex(other.id.hash).compare(0, length, hex, 0, length) == 0) expected.push_back(other.id);
      }
      std::ranges::sort(expected);
      CHECK(must(log->find_prefix(hex.substr(0, length), 10'000)) == expected);
      if (expected.size() > 3) expected.resize(3);
      CHECK(must(log->find_prefix(hex.substr(0, length), 3)) == expected);
    }
  }
  CHECK_FALSE(must(log->find(op_id_of(1))));
  CHECK(must(log->find_prefix("xyz", 10)).empty());
  CHECK(must(log->find_prefix(std::string(65, '0'), 10)).empty());
}

TEST_CASE("read: a story is its inserts, what names them, and the erases of any of those", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  const RowId last = must(log->last_row());
  for (int number = 0; number < 7; ++number) {
    const std::string story = "story_" + std::to_string(number);
    for (const RowId upto : {RowId{0}, RowId{50}, RowId{120}, last}) {
      std::vector<RowId> expected;
      for (const OpRow& row : world.rows()) {
        if (row.row <= upto && world.story_of(row) == story) expected.push_back(row.row);
      }
      CAPTURE(story, raw(upto));
      CHECK(story_rows(*log, story, upto) == expected);
    }
  }
  CHECK(story_rows(*log, "", last).empty());
}

TEST_CASE("read: what decides whether a story is there are its inserts, deletes and purges", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  const RowId last = must(log->last_row());
  for (int number = 0; number < 6; ++number) {
    const std::string story = "story_" + std::to_string(number);
    std::vector<RowId> expected;
    for (const OpRow& row : world.rows()) {
      const bool decides = row.op.op.kind == OpKind::insert || row.op.op.kind == OpKind::tombstone;
      if (decides && world.story_of(row) == story) expected.push_back(row.row);
    }
    CHECK(story_rows(*log, story, last, StoryPart::presence) == expected);
  }
}

TEST_CASE("read: of what decides whether a story is there all is read but what it says", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  std::size_t had_content = 0;
  must(log->scan_story("story_1", must(log->last_row()), StoryPart::presence, [&](ScannedRow&& scanned) {
    const OpRow& row = std::get<OpRow>(scanned);
    OpRow expected = *world.row_of(row.id);
    if (expected.op.content) ++had_content;
    expected.op.content.reset();
    expected.op.salt = {};
    CHECK(row.row == expected.row);
    CHECK(row.op == expected.op);
    CHECK(row.depth == expected.depth);
    CHECK(row.source == expected.source);
    CHECK(row.received_ms == expected.received_ms);
    return true;
  }));
  CHECK(had_content > 0);
}

TEST_CASE("read: the highest row ever given out is remembered past a tail that was cut off", "[oplog]") {
  const SmallWorld world;
  const auto count = static_cast<std::int64_t>(world.rows().size());
  CHECK(must(world.open()->highest_row_ever()) == RowId{count});
  {
    RawDatabase raw(world.scratch().path());
    raw.drop_triggers();
    raw.exec("DELETE FROM crdt_ops WHERE rowid > 10");
  }
  CHECK(must(world.open()->last_row()) == RowId{10});
  CHECK(must(world.open()->highest_row_ever()) == RowId{count});
  CHECK_FALSE(must(ScratchLog().open(OpenMode::read)->highest_row_ever()));
}

TEST_CASE("read: a row that was moved to a number far away does not keep a question about a time", "[oplog]") {
  const SmallWorld world;
  {
    RawDatabase raw(world.scratch().path());
    raw.drop_triggers();
    raw.exec("UPDATE crdt_ops SET rowid = 4611686018427387904 WHERE rowid = 10");
  }
  const auto log = world.open();
  CHECK(must(log->row_at(std::numeric_limits<std::int64_t>::max())) == RowId{4611686018427387904});
  CHECK(must(log->row_at(0)) == RowId{0});
}

TEST_CASE("read: every question but a scan is answered through indexes", "[oplog]") {
  const ScratchLog scratch;
  RawDatabase raw(scratch.path());
  for (const char* sql : {
           "SELECT rowid, op_id, kind FROM crdt_ops WHERE kind IN (1, 3) AND name <> '' AND name = ?",
           "SELECT rowid FROM crdt_ops WHERE target = ? AND kind IN (2, 3, 4)",
           "SELECT rowid FROM crdt_ops WHERE target = ? AND kind = 3",
           "SELECT e.rowid FROM crdt_ops AS o CROSS JOIN crdt_ops AS e WHERE o.target = ? AND o.kind IN (2, 3) AND "
           "e.target = o.op_id AND e.kind = 4",
           "SELECT max(seq) FROM crdt_ops WHERE target = ? AND kind = 2 AND name = ?",
           "SELECT op_id FROM crdt_ops WHERE op_id >= ? AND op_id <= ? ORDER BY op_id LIMIT ?",
           "SELECT op_id FROM crdt_ops WHERE author = ? AND idx = ?",
       }) {
    const std::string plan = raw.plan(sql);
    CAPTURE(sql, plan);
    CHECK(plan.find("SCAN") == std::string::npos);
    CHECK(plan.find("SEARCH") != std::string::npos);
  }
  CHECK(raw.plan("SELECT DISTINCT name FROM crdt_ops WHERE kind IN (1, 3) AND name <> '' AND kind = 1 ORDER BY name") ==
        "SCAN crdt_ops USING COVERING INDEX crdt_ops_story\n");
}

TEST_CASE("read: story ids are those of the inserts, each once, in order", "[oplog]") {
  const SmallWorld world;
  std::set<std::string> expected;
  for (const OpRow& row : world.rows()) {
    if (row.op.op.kind == OpKind::insert) expected.insert(row.op.op.name);
  }
  CHECK(must(world.open()->story_ids()) == std::vector<std::string>(expected.begin(), expected.end()));
}

TEST_CASE("read: facts are what the validity rules ask of an op", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  for (const OpRow& row : world.rows()) {
    const auto facts = must(log->facts(row.id));
    REQUIRE(facts);
    CHECK(facts->id == row.id);
    CHECK(facts->kind == row.op.op.kind);
    CHECK(facts->author == row.op.op.author);
    CHECK(facts->index == row.op.op.index);
    CHECK(facts->depth == row.depth);
    CHECK(facts->name == row.op.op.name);
  }
  CHECK_FALSE(must(log->facts(op_id_of(1))));
}

TEST_CASE("read: the links of an op are its row, place and dependencies", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  for (const OpRow& row : world.rows()) {
    const auto links = must(log->links(row.id));
    REQUIRE(links);
    CHECK(links->row == row.row);
    CHECK(links->author == row.op.op.author);
    CHECK(links->index == row.op.op.index);
    CHECK(links->depth == row.depth);
    auto expected = dependencies(row.op.op), found = links->dependencies;
    for (auto* ids : {&expected, &found}) {
      std::ranges::sort(*ids);
      ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
    }
    CHECK(found == expected);
  }
  CHECK_FALSE(must(log->links(op_id_of(1))));
}

TEST_CASE("read: a register's seq is the highest of its sets, whoever wrote them", "[oplog]") {
  const SmallWorld world;
  const auto log = world.open();
  for (const OpRow& item : world.rows()) {
    for (const char* field : {"stage", "agent", "never"}) {
      Seq highest{0};
      for (const OpRow& row : world.rows()) {
        const Op& op = row.op.op;
        if (op.kind == OpKind::set && op.target == item.id && op.name == field) highest = std::max(highest, op.seq);
      }
      CHECK(must(log->register_seq(item.id, field)) == highest);
    }
  }
}

TEST_CASE("read: a point in time is the row before the first one received later, whatever the clock did after",
          "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder builder(*log, identity_of(1));
  for (const std::int64_t received : {100, 200, 200, 150, 900, 50}) {
    builder.add({.name = "story", .content = "{}", .received_ms = received});
  }
  CHECK(must(log->row_at(99)) == RowId{0});
  CHECK(must(log->row_at(100)) == RowId{1});
  CHECK(must(log->row_at(199)) == RowId{1});
  CHECK(must(log->row_at(200)) == RowId{4});
  CHECK(must(log->row_at(899)) == RowId{4});
  CHECK(must(log->row_at(900)) == RowId{6});
  CHECK(must(log->row_at(INT64_MIN)) == RowId{0});
  CHECK(must(log->row_at(INT64_MAX)) == RowId{6});
}

TEST_CASE("read: two ops of one author with one index are both named", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  auto write = must(log->begin_write(std::chrono::seconds(1)));
  std::vector<OpId> forked;
  for (const char* name : {"one", "two"}) {
    Op op = plain_op(OpKind::insert);
    op.name = name;
    const VerifiedOp made = must(sign_op(identity_of(1), op, plain_content(OpKind::insert)));
    must(write->append(made, Depth{1}, "local", 0, false));
    forked.push_back(made.id());
  }
  must(write->commit());
  std::ranges::sort(forked);
  CHECK(must(log->ops_at(identity_of(1).author(), OpIndex{1})) == forked);
  CHECK(must(log->has_several_at(identity_of(1).author(), OpIndex{1})));
  CHECK_FALSE(must(log->has_several_at(identity_of(2).author(), OpIndex{1})));
  CHECK(must(log->ops_at(identity_of(1).author(), OpIndex{2})).empty());
  CHECK(must(log->ops_at(identity_of(2).author(), OpIndex{1})).empty());
  CHECK(must(log->tips_of(identity_of(1).author())).size() == 2);
}

TEST_CASE("read: an empty log answers everything with nothing", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open(OpenMode::read);
  CHECK(must(log->last_row()) == RowId{0});
  CHECK(must(log->count()) == 0);
  CHECK(must(log->story_ids()).empty());
  CHECK(must(log->heads()).empty());
  CHECK(must(log->tips()).empty());
  CHECK(must(log->marks()).empty());
  CHECK(must(log->last_mark()) == Mark{RowId{0}, chain_start(log->info().log), Seq{0}, 0});
  CHECK(must(log->row_at(0)) == RowId{0});
  CHECK(must(log->authors()).empty());
  CHECK(must(log->trust_changes()).empty());
  CHECK(must(log->quarantine()).empty());
}
