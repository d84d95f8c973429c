// Purging and putting in again, in a log where others write meanwhile.

#include "replica/purge.hpp"

#include <catch2/catch.hpp>

#include "support/counting_reader.hpp"
#include "support/log_builder.hpp"
#include "support/raw_database.hpp"
#include "support/test_node.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

const DocumentId kDocument{{9}};
constexpr std::int64_t kStart = 1'700'000'000'000;

PurgePlan plan_of(TestNode& node, const PurgeSelection& selection) {
  auto plan = plan_purge(node.log(), selection, std::nullopt);
  INFO((plan ? "" : plan.error().what));
  REQUIRE(plan);
  return *std::move(plan);
}

PurgeReport carry_out(TestNode& node, const PurgePlan& plan) {
  auto report = execute(node.replica(), plan);
  INFO((report ? "" : report.error().what));
  REQUIRE(report);
  return *std::move(report);
}

PurgeReport purge(TestNode& node, const std::string& story) {
  return carry_out(node, plan_of(node, {{story}, std::nullopt}));
}

OpRow set_stage(TestNode& node, const OpId& item, const std::string& stage) {
  return node.write({OpKind::set, item, "stage", "\"" + stage + "\"", {}});
}

Result<PutReport> put_again(TestNode& node, const std::string& story) {
  return put(node.replica(), {story, {}, true, true, false});
}

void insert_often(TestNode& node, const std::string& story, int times) {
  for (int n = 0; n < times; ++n) node.insert(story);
}

const std::string kReason = R"({"reason":"done"})";

/// Somebody changes what an op says, past musher and its triggers.
void forge_content(TestNode& node, const OpRow& row, const std::string& content) {
  RawDatabase database(node.log().info().path);
  database.drop_triggers();
  database.exec("UPDATE crdt_ops SET content = '" + content + "' WHERE rowid = " + std::to_string(raw(row.row)));
}

/// So many heads that an op cannot name them all, the deepest of them `depth` deep.
void add_heads(const Workshop& workshop, TestNode& here, int heads, int depth) {
  TestNode wide(workshop.folder(), "wide", kDocument);
  TestNode deep(workshop.folder(), "deep", kDocument);
  here.trust(wide, "wide");
  here.trust(deep, "deep");
  const OpRow first = wide.insert("wide_story");
  here.receive(first);
  for (int n = 0; n < heads; ++n) here.receive(wide.fork(first, {OpKind::set, first.id, "stage", "\"x\"", {}}));
  for (int n = 0; n < depth; ++n) deep.insert("deep_story");
  here.receive_all(deep);
}

}  // namespace

TEST_CASE("put --new --again: the latest of many purges is followed, and the story is there again") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  for (int n = 0; n < 71; ++n) there.write({OpKind::tombstone, insert.id, "1_story", std::nullopt, {}});
  here.receive_all(there);
  add_heads(workshop, here, 70, 80);
  REQUIRE_FALSE(here.shows("1_story"));
  const auto report = put_again(here, "1_story");
  INFO((report ? "" : report.error().what));
  REQUIRE(report);
  CHECK(here.shows("1_story"));
  const auto& parents = report->ops.front().row.op.op.parents;
  CHECK(parents.size() == kMaxParents);
  CHECK(std::ranges::find(parents, there.rows().back().id) != parents.end());
}

TEST_CASE("put --new --again: more purges on branches of their own than an op has parents are refused, and say so") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  here.receive(insert);
  for (int n = 0; n < 71; ++n) {
    const std::string reason = R"({"reason":")" + std::to_string(n) + "\"}";
    here.receive(there.fork(insert, {OpKind::tombstone, insert.id, "1_story", reason, {}}));
  }
  const auto refused = put_again(here, "1_story");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().what.find("64 parents") != std::string::npos);
  CHECK(here.rows().size() == 72);
  // What the hint says helps: each op joins heads.
  here.insert("2_story");
  here.insert("3_story");
  REQUIRE(put_again(here, "1_story"));
  CHECK(here.shows("1_story"));
}

TEST_CASE("purge: a story that no longer matches the filter when it comes to it is left alone, and reported so") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const OpRow archived = here.insert("1_story", "6_archived");
  here.insert("2_story", "6_archived");
  const PurgePlan plan = plan_of(here, {{}, "6_archived"});
  REQUIRE(plan.to_purge() == 2);
  set_stage(here, archived.id, "2_current");
  const PurgeReport report = carry_out(here, plan);
  REQUIRE(report.stories.size() == 1);
  CHECK(report.stories.front().story == "2_story");
  CHECK(report.stories.front().status == PurgeStatus::purged);
  CHECK(report.left_out == std::vector<std::string>{"1_story"});
  CHECK(here.shows("1_story"));
  CHECK_FALSE(here.shows("2_story"));
  const auto warnings = here.replica().take_warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().find("1_story no longer matches") != std::string::npos);
}

TEST_CASE("purge: a named story that was purged when it was planned and is live again is not purged unasked") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  here.insert("2_story");
  purge(here, "1_story");
  const PurgePlan plan = plan_of(here, {{"1_story", "2_story"}, std::nullopt});
  REQUIRE(plan.to_purge() == 1);
  REQUIRE(put_again(here, "1_story"));
  const auto refused = execute(here.replica(), plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().what.find("1_story was purged when this was planned, and has come back") != std::string::npos);
  CHECK(here.shows("1_story"));
  CHECK(here.shows("2_story"));
}

TEST_CASE("purge: a story that was only deleted is purged, so that no branch from elsewhere brings it back") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode offline(workshop.folder(), "offline", kDocument);
  here.trust(offline, "offline");
  const OpRow insert = here.insert("1_story");
  here.write({OpKind::tombstone, insert.id, "", std::nullopt, {}});
  const PurgeReport report = purge(here, "1_story");
  CHECK(report.stories.front().status == PurgeStatus::purged);
  CHECK(report.stories.front().items == std::vector<OpId>{insert.id});
  here.receive(offline.insert("1_story"));
  CHECK_FALSE(here.shows("1_story"));
  CHECK(purge(here, "1_story").stories.front().status == PurgeStatus::already_purged);
}

TEST_CASE("purge: a story that was purged, put in again and then only deleted is purged again") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  purge(here, "1_story");
  const auto again = put_again(here, "1_story");
  REQUIRE(again);
  const OpId item = again->ops.front().row.id;
  here.write({OpKind::tombstone, item, "", std::nullopt, {}});
  const PurgeReport report = purge(here, "1_story");
  CHECK(report.stories.front().status == PurgeStatus::purged);
  CHECK(report.stories.front().items == std::vector<OpId>{item});
}

TEST_CASE("purge: of a story of more than 100 items one delete of the shown one takes them all out, everywhere") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  TestNode late(workshop.folder(), "late", kDocument);
  there.trust(here, "here");
  here.trust(late, "late");
  insert_often(here, "1_story", 101);
  const OpId shown = here.document().document().story("1_story").front().id;
  const PurgeReport report = purge(here, "1_story");
  const PurgedStory& purged = report.stories.front();
  CHECK(purged.status == PurgeStatus::purged);
  CHECK(purged.items.size() == 101);
  REQUIRE(purged.ops.size() == 1);
  CHECK(purged.ops.front().row.op.op.target == shown);
  CHECK_FALSE(here.shows("1_story"));
  there.receive_all(here);
  CHECK_FALSE(there.shows("1_story"));
  here.receive(late.insert("1_story"));
  CHECK_FALSE(here.shows("1_story"));

  const PurgedStory again = purge(here, "1_story").stories.front();
  CHECK(again.status == PurgeStatus::already_purged);
  CHECK(again.items.size() == 102);
  const auto listed = list_purged(here.log());
  REQUIRE(listed);
  CHECK(listed->front().ops.front().row.id == purged.ops.front().row.id);
  REQUIRE(put_again(here, "1_story"));
  CHECK(here.shows("1_story"));
  CHECK(put(here.replica(), {"1_story", {{"stage", "\"2\""}}, false, false, false}));
}

TEST_CASE("purge: of a story of 100 items each has a delete of its own; one of more that were only deleted has one") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  insert_often(here, "1_story", 100);
  CHECK(purge(here, "1_story").stories.front().ops.size() == 100);
  insert_often(here, "2_story", 101);
  for (const ItemState& item : here.document().document().story("2_story"))
    here.write({OpKind::tombstone, item.id, "", std::nullopt, {}});
  const PurgedStory purged = purge(here, "2_story").stories.front();
  CHECK(purged.items.size() == 101);
  CHECK(purged.ops.size() == 1);
  CHECK(purge(here, "2_story").stories.front().status == PurgeStatus::already_purged);
}

TEST_CASE("put: a story of more than 100 items is not written to, and what to run is said; of 100 each is") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  insert_often(here, "1_story", 100);
  const PutRequest request{"1_story", {{"stage", "\"2\""}}, false, false, false};
  const auto written = put(here.replica(), request);
  REQUIRE(written);
  CHECK(written->ops.size() == 100);
  here.insert("1_story");
  const std::size_t rows = here.rows().size();
  const auto refused = put(here.replica(), request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().what.find("1_story has 101 items") != std::string::npos);
  const std::string log = " --log " + here.log().info().path;
  CHECK(refused.error().hint == "to begin it afresh: musher purge" + log + " 1_story, then musher put --new --again" +
                                    log + " 1_story FIELD=TEXT");
  CHECK(here.rows().size() == rows);
}

TEST_CASE("put, purge: who is there is found out without reading what the story's ops say, but for why it is gone") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const std::string large = std::string(100'000, 'x');
  for (int n = 0; n < 3; ++n) here.insert("1_story", large);
  const OpId gone = here.insert("2_story", large).id;
  here.write({OpKind::tombstone, gone, "", R"({"reason":")" + large + "\"}", {}});
  here.write({OpKind::tombstone, gone, "2_story", kReason, {}});

  CountingReader counted(here.log());
  const TrustPolicy trust = must(TrustPolicy::read(counted));
  const RowId last = must(counted.last_row());
  const Story live = must(load_presence(counted, trust, "1_story", last));
  CHECK(live.failures.empty());
  CHECK(std::ranges::count(live.items, true, &ItemState::visible) == 3);
  CHECK(must(plan_purge(counted, {{"1_story"}, std::nullopt}, std::nullopt)).to_purge() == 1);
  CHECK(counted.content_bytes == 0);

  const Story purged = must(load_presence(counted, trust, "2_story", last));
  REQUIRE(purged.removal() != nullptr);
  CHECK(purged.removal()->row.op.content == kReason);
  CHECK(std::ranges::none_of(purged.history, &HeardRow::erased));
  CHECK(counted.content_bytes == kReason.size());
}

TEST_CASE("purge: a reason that was erased is shown as erased") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpId item = there.insert("1_story").id;
  const OpRow removal = there.write({OpKind::tombstone, item, "1_story", kReason, {}});
  here.receive_all(there);
  const PurgeSelection story{{"1_story"}, std::nullopt};
  CHECK_FALSE(plan_of(here, story).stories.front().ops.front().erased);
  here.receive(there.write({OpKind::erase, removal.id, "", std::nullopt, {}}));
  const PurgedStory shown = plan_of(here, story).stories.front();
  CHECK_FALSE(shown.reason);
  CHECK(shown.ops.front().erased);
}

TEST_CASE("put, purge: nothing is built on an op that says what its author did not sign") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const PutRequest request{"1_story", {{"stage", "\"2\""}}, false, false, false};
  const OpRow gone = here.insert("1_story");
  here.write({OpKind::tombstone, gone.id, "", std::nullopt, {}});
  const OpRow shown = here.insert("1_story");
  here.insert("2_story");
  const auto refuses = [&](const auto& result) {
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::damaged);
    CHECK(result.error().what.find("digest_mismatch") != std::string::npos);
  };
  forge_content(here, shown, R"({"stage":"9_forged"})");
  const std::size_t rows = here.rows().size();
  refuses(put(here.replica(), request));
  refuses(execute(here.replica(), plan_of(here, {{"1_story"}, std::nullopt})));
  CHECK(here.rows().size() == rows);

  forge_content(here, shown, *shown.op.content);
  forge_content(here, gone, R"({"stage":"9_forged"})");  // hidden, and nothing is written to it
  const auto written = put(here.replica(), request);
  REQUIRE(written);
  REQUIRE(written->ops.size() == 1);
  CHECK(written->ops.front().row.op.op.target == shown.id);
}

TEST_CASE("put, purge: of a removal that says what its author did not sign no reason is told") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const OpId item = here.insert("1_story").id;
  const OpRow removal = here.write({OpKind::tombstone, item, "1_story", kReason, {}});
  here.insert("2_story");
  forge_content(here, removal, R"({"reason":"forged"})");
  const auto again = put_again(here, "1_story");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::damaged);
  CHECK(again.error().what.find("digest_mismatch") != std::string::npos);
  const auto plan = plan_purge(here.log(), {{"1_story"}, std::nullopt}, std::nullopt);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == Errc::damaged);
}

TEST_CASE("purge --older-than: every effective op of a story counts as news of it, an erase too") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const OpRow erased_insert = here.insert("1_story");
  const OpRow insert = here.insert("2_story");
  const OpRow set = set_stage(here, insert.id, "2_current");
  here.insert("3_story");
  const PurgeSelection old{{}, std::nullopt, kStart + 500};
  CHECK(plan_of(here, old).to_purge() == 3);
  here.set_clock(kStart + 1000);
  const PurgePlan before = plan_of(here, old);
  here.write({OpKind::erase, erased_insert.id, "", std::nullopt, {}});
  here.write({OpKind::erase, set.id, "", std::nullopt, {}});
  const PurgePlan plan = plan_of(here, old);
  REQUIRE(plan.stories.size() == 1);
  CHECK(plan.stories.front().story == "3_story");
  // Under the lock it is asked in the same way.
  CHECK(carry_out(here, before).left_out == std::vector<std::string>{"2_story", "1_story"});
}

TEST_CASE("put --new: an id that nobody could read or type is refused; a story that has one already is not") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("old ");
  for (const char* id : {" new", "new ", "\u200b", "\u00a0"}) {
    CAPTURE(id);
    const auto made = put(here.replica(), {id, {}, true, false, false});
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::usage);
    CHECK_FALSE(made.error().hint.empty());
  }
  CHECK(put(here.replica(), {"old ", {{"stage", "\"2\""}}, false, false, false}));
}

TEST_CASE("put: what to run next can be pasted, whatever the story is called") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("--config=$(id)");
  const auto again = put(here.replica(), {"--config=$(id)", {}, true, false, false});
  REQUIRE_FALSE(again);
  CHECK(again.error().hint == "to change it, leave out --new: musher put --log " + here.log().info().path +
                                  " -- '--config=$(id)' FIELD=TEXT");
  const auto missing = put(here.replica(), {"zzzz", {{"stage", "1"}}, false, false, false});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().hint == "musher inspect stories --log " + here.log().info().path);
}
