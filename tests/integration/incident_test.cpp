// The incident of 2026-04-09, case by case: what an operator lived through, and what must be true now.

#include <catch2/catch.hpp>

#include "oplog/sqlite_op_log.hpp"
#include "replica/admission.hpp"
#include "replica/init.hpp"
#include "replica/live_document.hpp"
#include "replica/put.hpp"
#include "replica/story.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;
using Catch::Matchers::Contains;

namespace {

/// A node in this process: a log opened as a server or a second shell would.
class Node {
 public:
  Node(Workshop& workshop, const std::string& log, const std::string& key)
      : replica_(open(workshop.file(log)),
                 Host{[] { return 1'700'000'000'000; }, workshop.file("state-" + log), "node"}) {
    auto identity = Identity::load(workshop.file(key));
    REQUIRE(identity);
    replica_.use_identity(*std::move(identity));
  }

  Replica& replica() { return replica_; }

  void put_new(const std::string& story) {
    const auto report = put(replica_, {story, {{"stage", "\"1_backlog\""}}, true, false, false});
    INFO((report ? "" : report.error().what));
    REQUIRE(report);
  }
  void set(const std::string& story, const std::string& stage) {
    REQUIRE(put(replica_, {story, {{"stage", "\"" + stage + "\""}}, false, false, false}));
  }

  /// Every op of `other` that is not here, as a peer would send it.
  void receive_from(Node& other) {
    const auto last = other.replica_.log().last_row();
    REQUIRE(last);
    REQUIRE(other.replica_.log().scan(RowId{0}, *last, [&](ScannedRow&& row) {
      REQUIRE(admit(replica_, std::get<OpRow>(row).op, "import"));
      return true;
    }));
  }

  bool is_live(const std::string& story) {
    auto live = LiveDocument::start(replica_.log());
    REQUIRE(live);
    REQUIRE(live->catch_up(replica_.log()));
    const auto items = live->document().story(story);
    return !items.empty() && items.front().visible;
  }

 private:
  static std::unique_ptr<OpLog> open(const std::filesystem::path& path) {
    auto log = SqliteOpLog::open(path, OpenMode::write);
    INFO((log ? "" : log.error().what));
    REQUIRE(log);
    return *std::move(log);
  }
  Replica replica_;
};

bool lists(Workshop& workshop, const std::string& story) {
  return workshop.must({"musher-inspect", "stories"}).find(story) != std::string::npos;
}

void purge_478(Workshop& workshop) {
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  workshop.must({"musher-put", "--new", "503_story_other", "stage=1_backlog"});
  workshop.must({"musher-purge", "478_story_sync", "--confirm", "478_story_sync", "--reason", "it kept coming back"});
}

/// A second node of the same document with a key of its own; each trusts the other's.
void join_second_node(Workshop& workshop) {
  workshop.must({"musher-init", "--log", "second.db", "--join", "pipeline.db", "--name", "second"});
  workshop.must({"musher-trust", "add", "second.db.key.pub", "second"});
  workshop.must({"musher-trust", "--log", "second.db", "add", "pipeline.db.key.pub", "first"});
}

}  // namespace

TEST_CASE("a purged story stays purged after the log is closed and opened again") {
  Workshop workshop;
  workshop.must({"musher-init"});
  purge_478(workshop);
  CHECK_FALSE(lists(workshop, "478_story_sync"));
  CHECK(lists(workshop, "503_story_other"));
  CHECK(workshop.json(workshop.must({"musher-inspect", "story", "478_story_sync", "--json"}), "['story']['status']") ==
        "purged");
}

TEST_CASE("a purged story stays purged when the purging process is killed right after it said so") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  // The shell kills itself, its open descriptors and all, with the purge's answer as the last thing that it saw.
  const Outcome killed = workshop.shell("musher-purge 478_story_sync --yes && kill -9 $$");
  CHECK(killed.code == 137);
  CHECK_THAT(killed.out, Contains("purged 478_story_sync"));
  CHECK_FALSE(lists(workshop, "478_story_sync"));
}

TEST_CASE("a purged story stays purged after a replay") {
  Workshop workshop;
  workshop.must({"musher-init"});
  purge_478(workshop);
  const std::string replayed = workshop.must({"musher-replay", "--json"});
  CHECK(workshop.json(replayed, "['verdict']") == "ok");
  CHECK(replayed.find("\"story_id\":\"478_story_sync\"") == std::string::npos);
  CHECK(replayed.find("\"story_id\":\"503_story_other\"") != std::string::npos);
}

TEST_CASE("a purged story leaves the memory of a process that had it, and stays out") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  auto log = SqliteOpLog::open(workshop.log(), OpenMode::read);
  REQUIRE(log);
  auto memory = LiveDocument::start(**log);
  REQUIRE(memory);
  REQUIRE(memory->catch_up(**log));
  REQUIRE(memory->document().story("478_story_sync").front().visible);

  workshop.must({"musher-purge", "478_story_sync", "--yes"});
  REQUIRE(memory->catch_up(**log));
  CHECK_FALSE(memory->document().story("478_story_sync").front().visible);
  CHECK(memory->document().stories().empty());

  // What the server of the incident did: write back what it had in memory. A set of a purged item changes nothing.
  workshop.must({"musher-put", "--new", "1_other", "stage=x"});
  REQUIRE(memory->catch_up(**log));
  CHECK(memory->document().stories() == std::vector<std::string>{"1_other"});
}

TEST_CASE("a purged story stays purged when a branch that had not seen the purge writes it or inserts it again") {
  Workshop workshop;
  workshop.must({"musher-init"});
  join_second_node(workshop);
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  Node first(workshop, "pipeline.db", "pipeline.db.key");
  Node second(workshop, "second.db", "second.db.key");
  second.receive_from(first);
  REQUIRE(second.is_live("478_story_sync"));

  workshop.must({"musher-purge", "478_story_sync", "--yes"});
  second.set("478_story_sync", "2_current");  // cut off: it knows of no purge
  first.receive_from(second);
  CHECK_FALSE(first.is_live("478_story_sync"));

  // It inserts the story once more, as a second item, still without the purge among its ancestors.
  workshop.must({"musher-put", "--log", "second.db", "--new", "9_other", "stage=x"});
  Node third(workshop, "second.db", "second.db.key");
  {
    auto write = OwnWrite::begin(third.replica());
    REQUIRE(write);
    REQUIRE(write->append({OpKind::insert, OpId{}, "478_story_sync", "{\"stage\":\"1_backlog\"}", {}}));
    REQUIRE(write->commit());
  }
  first.receive_from(third);
  CHECK_FALSE(first.is_live("478_story_sync"));
  CHECK(first.is_live("9_other"));
  second.receive_from(first);
  CHECK_FALSE(second.is_live("478_story_sync"));
}

TEST_CASE("only a writer that knows of the purge brings the story back") {
  Workshop workshop;
  workshop.must({"musher-init"});
  purge_478(workshop);
  const Outcome typo = workshop.run({"musher-put", "478_story_sync", "stage=2_current"});
  CHECK(typo.code == 5);
  CHECK_THAT(typo.err, Contains("purged by") && Contains("it kept coming back") && Contains("--new --again"));
  CHECK(workshop.run({"musher-put", "--new", "478_story_sync", "stage=2_current"}).code == 5);
  CHECK_FALSE(lists(workshop, "478_story_sync"));
  workshop.must({"musher-put", "--new", "--again", "478_story_sync", "stage=2_current"});
  CHECK(lists(workshop, "478_story_sync"));
}

TEST_CASE("a purge is signed ops through the normal append path and touches nothing else") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  workshop.must({"musher-put", "--new", "503_story_other", "stage=1_backlog"});
  const std::string before = workshop.sql("select group_concat(hex(op_id) || hex(signature) || content) from crdt_ops");
  const std::string purged = workshop.must({"musher-purge", "478_story_sync", "--yes", "--reason", "stuck", "--json"});
  CHECK(workshop.json(purged, "['stories'][0]['status']") == "purged");
  CHECK(workshop.json(purged, "['stories'][0]['ops'][0]['kind']") == "delete");
  CHECK(workshop.json(purged, "['stories'][0]['reason']") == "stuck");
  CHECK(workshop.sql("select count(*) from crdt_ops") == "3");
  CHECK(workshop.sql("select group_concat(hex(op_id) || hex(signature) || content) from crdt_ops where rowid < 3") ==
        before);
  workshop.must({"musher-replay"});
  CHECK(workshop.json(workshop.must({"musher-replay", "--json"}), "['ops']['signatures_checked']") == "3");
}

TEST_CASE("purging twice is harmless and says which op did it") {
  Workshop workshop;
  workshop.must({"musher-init"});
  purge_478(workshop);
  const std::string ops = workshop.sql("select count(*) from crdt_ops");
  const std::string again = workshop.must({"musher-purge", "478_story_sync"});
  CHECK_THAT(again, Contains("already purged 478_story_sync") && Contains("it kept coming back"));
  CHECK(workshop.sql("select count(*) from crdt_ops") == ops);
}

TEST_CASE("purging a mistyped story id is refused with a suggestion and writes nothing") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "478_story_sync", "stage=1_backlog"});
  const Outcome typo = workshop.run({"musher-purge", "478_stroy_sync", "--yes"});
  CHECK(typo.code == 1);
  CHECK(typo.out.empty());
  CHECK_THAT(typo.err, Contains("did you mean '478_story_sync'?"));
  const Outcome half = workshop.run({"musher-purge", "478_story_sync", "nothing_like_it", "--yes", "--max", "2"});
  CHECK(half.code == 1);
  CHECK(workshop.sql("select count(*) from crdt_ops") == "1");
}

TEST_CASE("six inserts, then a set with seq 1: replay in seq order loses the update and says what was lost") {
  Workshop workshop;
  write_incident(workshop);
  CHECK(workshop.sql("select group_concat(seq) from crdt_ops") == "1,2,3,4,5,6,1");
  const Outcome naive = workshop.run({"musher-replay", "--order", "seq", "--json"});
  CHECK(naive.code == 1);
  CHECK(workshop.json(naive.out, "['verdict']") == "failed");
  CHECK(workshop.json(naive.out, "['failures'][0]['reason']") == "target_missing");
  CHECK(workshop.json(naive.out, "['failures'][0]['op']['story_id']") == "6_story");
  CHECK(workshop.json(naive.out, "['failures'][0]['op']['field']") == "stage");
  CHECK(workshop.json(naive.out, "['failures'][0]['op']['value']") == "2_current");
  CHECK(workshop.json(naive.out, "['next_seq']") ==
        "[{'story_id': '6_story', 'field': 'stage', 'naive': '1', 'true': '2'}]");
}

TEST_CASE("six inserts, then a set with seq 1: replay in rowid order keeps the update") {
  Workshop workshop;
  write_incident(workshop);
  const std::string right = workshop.must({"musher-replay", "--json"});
  CHECK(workshop.json(right, "['verdict']") == "ok");
  CHECK(workshop.json(right, "['failures']") == "[]");
  CHECK(workshop.json(right, "['stories'][0]['fields']['stage']") == "2_current");
}

TEST_CASE("after a restart the next write of a field continues its seq and does not begin at 1 again") {
  Workshop workshop;
  write_incident(workshop);
  const std::string next = workshop.must({"musher-put", "6_story", "stage=3_qa", "--json"});
  CHECK(workshop.json(next, "['ops'][0]['seq']") == "2");
}

TEST_CASE("replay --compare seq prints story, field and both values, and exits 1") {
  Workshop workshop;
  write_incident(workshop);
  const Outcome compared = workshop.run({"musher-replay", "--compare", "seq"});
  CHECK(compared.code == 1);
  CHECK_THAT(compared.out,
             Contains("6_story") && Contains("stage") && Contains("\"2_current\"") && Contains("\"1_backlog\""));
  const Outcome json = workshop.run({"musher-replay", "--compare", "seq", "--json"});
  CHECK(json.code == 1);
  CHECK(workshop.json(json.out, "['verdict']") == "different");
  CHECK(workshop.json(json.out, "['compare']['differences'][0]['left']") == "2_current");
  CHECK(workshop.json(json.out, "['compare']['differences'][0]['right']") == "1_backlog");
}

TEST_CASE("a log that no order can change compares as the same") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "1_story", "stage=1_backlog"});
  const Outcome compared = workshop.run({"musher-replay", "--compare", "seq", "--json"});
  CHECK(compared.code == 0);
  CHECK(workshop.json(compared.out, "['verdict']") == "same");
}
