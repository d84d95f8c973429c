// The tables as a person with the sqlite3 shell meets them: what the triggers refuse, and what the view shows.

#include <catch2/catch.hpp>

#include "model/text.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr const char* kMessageStart = "crdt_ops is append-only: ";

/// A log with one story, inserted and changed once.
struct Story {
  Story() {
    const auto open = log.open();
    LogBuilder builder(*open, identity_of(1));
    item = builder.insert("478_story_sync");
    change = builder.set(item, "stage", R"("2_current")");
  }
  ScratchLog log;
  OpId item, change;
};

std::string blob(const OpId& id) { return "x'" + to_hex(id.hash) + "'"; }

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("schema: a new log is what this version makes, and SQLite finds nothing wrong with it", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  CHECK(must(log->schema_differences()).empty());
  CHECK(must(log->integrity_problems()).empty());
  CHECK(log->info().document == test_document());
  CHECK(log->info().format == 1);
  RawDatabase raw(scratch.path());
  CHECK(raw.value("PRAGMA application_id") == std::to_string(0x6d757368));
  CHECK(raw.value("PRAGMA user_version") == "1");
  CHECK(raw.value("PRAGMA journal_mode") == "wal");
  CHECK(raw.value("SELECT value FROM meta WHERE key = 'created_by'") == "musher");
}

TEST_CASE("schema: each difference is named", "[oplog]") {
  const ScratchLog scratch;
  {
    RawDatabase raw(scratch.path());
    raw.exec(
        "DROP TRIGGER crdt_ops_no_delete; DROP INDEX crdt_ops_author; CREATE INDEX crdt_ops_author ON crdt_ops (idx);"
        "CREATE TABLE notes (text); ANALYZE");
  }
  const auto differences = must(scratch.open()->schema_differences());
  REQUIRE(differences.size() == 3);
  CHECK(differences[0].object == "index crdt_ops_author");
  CHECK(differences[0].what == "altered");
  CHECK_FALSE(differences[0].is_trigger);
  CHECK(differences[1].object == "trigger crdt_ops_no_delete");
  CHECK(differences[1].what == "missing");
  CHECK(differences[1].is_trigger);
  CHECK(differences[2].object == "table notes");
  CHECK(differences[2].what == "not part of format 1");
}

TEST_CASE("schema: nothing is written to a log with a trigger, index or view of somebody else, or without one of ours",
          "[oplog]") {
  const auto [sql, what] = GENERATE(table<const char*, const char*>(
      {{"CREATE TRIGGER \"sqlite-stat9\" BEFORE INSERT ON crdt_ops BEGIN SELECT RAISE(IGNORE); END",
        "trigger sqlite-stat9 is not part of format 1"},
       {"CREATE TRIGGER later AFTER INSERT ON crdt_ops BEGIN DELETE FROM heads; END",
        "trigger later is not part of format 1"},
       {"DROP TRIGGER crdt_ops_no_delete", "trigger crdt_ops_no_delete is missing"},
       {"DROP INDEX crdt_ops_author; CREATE INDEX crdt_ops_author ON crdt_ops (idx)",
        "index crdt_ops_author is altered"},
       {"CREATE VIEW mine AS SELECT 1; CREATE TABLE notes (text)",
        "table notes is not part of format 1 (and 1 more)"}}));
  CAPTURE(sql);
  const bool it_could_write_before = GENERATE(false, true);
  CAPTURE(it_could_write_before);
  const Story story;
  auto log = story.log.open();
  if (it_could_write_before) CHECK(log->begin_write(std::chrono::seconds(1)));
  RawDatabase(story.log.path()).exec(sql);
  if (!it_could_write_before) log = story.log.open();
  const auto write = log->begin_write(std::chrono::seconds(1));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::damaged);
  CHECK(write.error().what == "cannot write to " + log->info().path + ": its schema was altered: " + what);
  CHECK(write.error().hint == "musher verify-order --log " + log->info().path);
  CHECK(must(log->count()) == 2);
}

TEST_CASE("schema: what ANALYZE keeps bars no writer", "[oplog]") {
  const Story story;
  RawDatabase(story.log.path()).exec("ANALYZE");
  const auto log = story.log.open();
  CHECK(must(log->schema_differences()).empty());
  LogBuilder(*log, identity_of(1)).insert("479");
}

TEST_CASE("triggers: no row is deleted, and the message names purge", "[oplog]") {
  const Story story;
  RawDatabase raw(story.log.path());
  for (const char* sql : {"DELETE FROM crdt_ops", "DELETE FROM crdt_ops WHERE rowid = 2"}) {
    const std::string refusal = raw.refusal(sql);
    CHECK(starts_with(refusal, kMessageStart));
    CHECK(contains(refusal, "musher purge STORY"));
  }
  CHECK(raw.value("SELECT count(*) FROM crdt_ops") == "2");
}

TEST_CASE("triggers: a row or op that is there is not inserted again, in whatever way", "[oplog]") {
  const Story story;
  RawDatabase raw(story.log.path());
  const std::string columns =
      "author, idx, prev, kind, seq, target, parents, name, actor, digest, content, salt, time_ms, signature, depth, "
      "source, "
      "received_ms";
  for (const char* verb : {"INSERT", "INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"}) {
    const std::string same_op = raw.refusal(std::string(verb) + " INTO crdt_ops (op_id, " + columns +
                                            ") SELECT op_id, " + columns + " FROM crdt_ops WHERE rowid = 1");
    CHECK(starts_with(same_op, kMessageStart));
    CHECK(contains(same_op, "musher put STORY FIELD=TEXT"));
    const std::string same_row = raw.refusal(std::string(verb) + " INTO crdt_ops (rowid, op_id, " + columns +
                                             ") SELECT 2, zeroblob(32), " + columns + " FROM crdt_ops WHERE rowid = 1");
    CHECK(starts_with(same_row, kMessageStart));
  }
  CHECK(raw.value("SELECT count(*) FROM crdt_ops") == "2");
}

TEST_CASE("triggers: no column is changed, and content goes only with an erase", "[oplog]") {
  const Story story;
  RawDatabase raw(story.log.path());
  const std::vector<std::string> columns = {"rowid",   "op_id",     "author",  "idx",    "prev",       "kind",
                                            "seq",     "target",    "parents", "name",   "actor",      "digest",
                                            "time_ms", "signature", "depth",   "source", "received_ms"};
  for (const std::string& column : columns) {
    const bool is_text = column == "name" || column == "actor" || column == "source";
    const bool is_number = column == "rowid" || column == "idx" || column == "kind" || column == "seq" ||
                           column == "time_ms" || column == "depth" || column == "received_ms";
    const std::string other = is_text ? "'other'" : is_number ? column + " + 1000" : "zeroblob(32)";
    CAPTURE(column);
    CHECK(
        starts_with(raw.refusal("UPDATE crdt_ops SET " + column + " = " + other + " WHERE rowid = 2"), kMessageStart));
    CHECK(starts_with(raw.refusal("UPDATE OR REPLACE crdt_ops SET " + column + " = " + other + " WHERE rowid = 2"),
                      kMessageStart));
  }
  CHECK(starts_with(raw.refusal("UPDATE crdt_ops SET content = '\"5_done\"' WHERE rowid = 2"), kMessageStart));
  const std::string erasing = raw.refusal("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 2");
  CHECK(starts_with(erasing, kMessageStart));
  CHECK(contains(erasing, "musher purge STORY --erase"));
}

TEST_CASE("triggers: with an erase in the log the content of its target goes, and nothing else changes", "[oplog]") {
  const Story story;
  {
    const auto log = story.log.open();
    LogBuilder builder(*log, identity_of(1));
    builder.add({.kind = OpKind::erase, .target = story.change, .content = R"({"reason":"private"})"});
  }
  RawDatabase raw(story.log.path());
  CHECK(starts_with(raw.refusal("UPDATE crdt_ops SET content = NULL WHERE rowid = 2"), kMessageStart));
  CHECK(starts_with(raw.refusal("UPDATE crdt_ops SET content = NULL, salt = NULL, seq = 9 WHERE rowid = 2"),
                    kMessageStart));
  CHECK(starts_with(raw.refusal("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 1"), kMessageStart));
  CHECK(raw.refusal("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 2").empty());
}

TEST_CASE("triggers: changes of trust are kept for ever, and the message names trust", "[oplog]") {
  const ScratchLog scratch;
  {
    const auto log = scratch.open();
    auto write = must(log->begin_write(std::chrono::seconds(1)));
    must(write->set_author(
        {1, "alice", "add", {identity_of(1).author(), "alice", Trust::allowed, false, std::nullopt}}));
    must(write->commit());
  }
  RawDatabase raw(scratch.path());
  CHECK(contains(raw.refusal("DELETE FROM trust_log"), "musher trust"));
  CHECK(contains(raw.refusal("UPDATE trust_log SET who = 'mallory'"), "musher trust"));
  CHECK(starts_with(raw.refusal("UPDATE authors SET trust = 'maybe'"), "CHECK constraint failed"));
}

TEST_CASE("view ops: shows one story with names, words and values, in the log's order", "[oplog]") {
  const ScratchLog scratch;
  OpId item, change;
  {
    const auto log = scratch.open();
    {
      auto write = must(log->begin_write(std::chrono::seconds(1)));
      must(write->set_author(
          {1, "alice", "add", {identity_of(1).author(), "alice", Trust::allowed, false, std::nullopt}}));
      must(write->commit());
    }
    LogBuilder alice(*log, identity_of(1)), bob(*log, identity_of(2));
    alice.insert("other");
    item = alice.insert("478_story_sync");
    change = bob.set(item, "stage", R"("2_current")");
    alice.set(item, "agent", R"("coder-1")");
    alice.erase(change);
    alice.purge(item, "478_story_sync");
  }
  RawDatabase raw(scratch.path());
  const std::string where = " FROM ops WHERE story = '478_story_sync'";
  CHECK(raw.column("SELECT rowid" + where) == std::vector<std::string>{"2", "3", "4", "5", "6"});
  CHECK(raw.column("SELECT kind" + where) == std::vector<std::string>{"insert", "set", "set", "erase", "purge"});
  CHECK(raw.column("SELECT coalesce(field, '-')" + where) == std::vector<std::string>{"-", "stage", "agent", "-", "-"});
  CHECK(raw.column("SELECT value" + where) == std::vector<std::string>{R"({"stage":"1_backlog"})", "(erased)",
                                                                       R"("coder-1")", R"({"reason":"private"})",
                                                                       R"({"reason":"done"})"});
  CHECK(raw.column("SELECT author" + where + " AND rowid IN (2, 3)") ==
        std::vector<std::string>{"alice", to_hex(identity_of(2).author().key)});
  CHECK(raw.value("SELECT id" + where + " LIMIT 1") == to_hex(item.hash));
  CHECK(raw.column("SELECT seq || ' ' || \"index\" || ' ' || actor || ' ' || source" + where + " AND rowid = 4") ==
        std::vector<std::string>{"1 3 tester local"});
  CHECK(raw.value("SELECT count(*) FROM ops") == "6");
  CHECK(raw.value("SELECT strftime('%s', received, 'utc')" + where + " LIMIT 1") == "1790000000");
}

TEST_CASE("view ops: one story is found through indexes alone", "[oplog]") {
  const ScratchLog scratch;
  RawDatabase raw(scratch.path());
  const std::string plan = raw.plan("SELECT * FROM ops WHERE story = '478_story_sync'");
  CAPTURE(plan);
  CHECK(contains(plan, "SEARCH i USING COVERING INDEX crdt_ops_story"));
  CHECK_FALSE(contains(plan, "SCAN i"));
  CHECK_FALSE(contains(plan, "SCAN o"));
  CHECK_FALSE(contains(plan, "SCAN c"));
  CHECK_FALSE(contains(plan, "SCAN e"));
}

TEST_CASE("schema: the view and the blobs agree on what an id is", "[oplog]") {
  const Story story;
  RawDatabase raw(story.log.path());
  CHECK(raw.value("SELECT rowid FROM crdt_ops WHERE op_id = " + blob(story.item)) == "1");
}
