#include <catch2/catch.hpp>

#include "support/document_checks.hpp"

namespace musher {
namespace {

using namespace testing;

TEST_CASE("document: the first set of a field wins over its insert, however high the insert's seq", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.seq = 485, .content = R"({"stage":"1"})"});
  writer.set({.seq = 1, .target = item, .name = "stage", .content = "\"2\""});
  Node node;
  node.apply_all(writer.history());
  CHECK(value(node, item, "stage") == "\"2\"");
  CHECK(node.document().next_seq(item, "stage") == Seq{2});
}

TEST_CASE("document: of two concurrent sets the higher seq wins, then the higher author, then the higher id",
          "[document]") {
  Writer writer;
  const OpId item = writer.insert({});
  History before = writer.history();
  SECTION("seq") {
    writer.set({.author = 1, .seq = 2, .target = item, .name = "stage", .content = "\"high\""});
    const Entry high = writer.last();
    writer.set({.author = 2, .seq = 1, .target = item, .name = "stage", .content = "\"low\""});
    check_either_order(before, high, writer.last(), {},
                       [&](const Node& node) { CHECK(value(node, item, "stage") == "\"high\""); });
  }
  SECTION("author") {
    writer.set({.author = 2, .seq = 1, .target = item, .name = "stage", .content = "2"});
    const Entry left = writer.last();
    writer.set({.author = 3, .seq = 1, .target = item, .name = "stage", .content = "3"});
    const std::string winner = author_of(2) > author_of(3) ? "2" : "3";
    check_either_order(before, left, writer.last(), {},
                       [&](const Node& node) { CHECK(value(node, item, "stage") == winner); });
  }
  SECTION("id") {  // one key on two branches
    const OpId left_id = writer.set({.seq = 1, .target = item, .name = "stage", .content = "\"left\"", .prev = item});
    const Entry left = writer.last();
    const OpId right_id = writer.set({.seq = 1, .target = item, .name = "stage", .content = "\"right\"", .prev = item});
    const std::string winner = left_id > right_id ? "\"left\"" : "\"right\"";
    check_either_order(before, left, writer.last(), {},
                       [&](const Node& node) { CHECK(value(node, item, "stage") == winner); });
  }
}

TEST_CASE("document: a lower seq that comes later changes nothing but is seen", "[document]") {
  Writer writer;
  const OpId item = writer.insert({});
  const OpId winner = writer.set({.seq = 5, .target = item, .name = "stage"});
  Node node;
  node.apply_all(writer.history());
  const Digest before = node.document().state_digest();
  writer.set({.seq = 1, .target = item, .name = "stage", .content = "9"});
  CHECK(node.apply(writer.last()) == Applied::applied);
  CHECK(node.document().state_digest() == before);
  CHECK(node.document().item(item)->fields.front().winner == winner);
  CHECK(node.document().next_seq(item, "stage") == Seq{6});
}

TEST_CASE("document: an erased set keeps winning and reads erased; the loser never comes back", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.content = R"({"stage":"1"})"});
  const OpId loser = writer.set({.seq = 1, .target = item, .name = "stage", .content = "\"loser\""});
  const OpId winner = writer.set({.seq = 2, .target = item, .name = "stage", .content = "\"secret\""});
  writer.erase({.target = winner});
  Node node;
  node.apply_all(writer.history());
  CHECK(value(node, item, "stage") == "erased");
  CHECK(node.document().item(item)->fields.front().winner == winner);

  Entry again = writer.history()[1];
  REQUIRE(again.id == loser);
  node.apply(again);
  CHECK(value(node, item, "stage") == "erased");
  node.apply(writer.history()[2]);  // the erased op once more, with its content
  CHECK(value(node, item, "stage") == "erased");

  writer.set({.seq = 3, .target = item, .name = "stage", .content = "\"new\""});
  node.apply(writer.last());
  CHECK(value(node, item, "stage") == "\"new\"");
}

TEST_CASE("document: erasing a loser or a tombstone changes nothing", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  const OpId other = writer.insert({.seq = 2, .name = "503"});
  const OpId loser = writer.set({.seq = 1, .target = item, .name = "stage", .content = "1"});
  writer.set({.seq = 2, .target = item, .name = "stage", .content = "2"});
  const OpId tombstone = writer.tombstone({.seq = 3, .target = other, .name = "503"});
  Node node;
  node.apply_all(writer.history());
  const auto items = node.document().items(true);
  const Digest digest = node.document().state_digest();
  for (const OpId& target : {loser, tombstone}) {
    writer.erase({.target = target});
    CHECK(node.apply(writer.last()) == Applied::applied);
  }
  CHECK(node.document().items(true) == items);
  CHECK(node.document().state_digest() == digest);
}

TEST_CASE("document: an erased insert keeps item, place and story; its fields are gone, later ones are not",
          "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478", .content = R"({"name":"secret","stage":"1"})"});
  writer.set({.seq = 1, .target = item, .name = "stage", .content = "\"2\""});
  writer.erase({.target = item});
  const auto check = [&](const Node& node) {
    const ItemState state = node.document().item(item).value();
    CHECK(state.visible);
    CHECK(state.content_erased);
    CHECK(state.story == "478");
    REQUIRE(state.fields.size() == 1);
    CHECK(value(node, item, "stage") == "\"2\"");
  };
  Node node;
  node.apply_all(writer.history());
  check(node);

  History without_content = writer.history();
  without_content.front().content.reset();
  Node late;
  late.apply_all(without_content);
  check(late);
  CHECK(late.document().state_digest() == node.document().state_digest());
}

TEST_CASE("document: an erase is for the op's own author, or an eraser", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.content = R"({"name":"n"})"});
  const OpId set = writer.set({.seq = 1, .target = item, .name = "stage", .content = "1"});
  const OpId target = GENERATE_COPY(item, set);
  const std::string field = target == item ? "name" : "stage";
  const std::string erased = target == item ? "" : "erased";
  const std::string kept = target == item ? "\"n\"" : "1";
  SECTION("another author's") {
    writer.erase({.author = 2, .target = target});
    Node node;
    node.apply_all(writer.history());
    CHECK(value(node, item, field) == kept);
    CHECK_FALSE(node.document().item(item)->content_erased);
  }
  SECTION("an eraser's") {
    writer.erase({.author = 2, .target = target});
    Node node({.erasers = {author_of(2)}});
    node.apply_all(writer.history());
    CHECK(value(node, item, field) == erased);
  }
  SECTION("the author's own") {
    writer.erase({.target = target});
    Node node;
    node.apply_all(writer.history());
    CHECK(value(node, item, field) == erased);
  }
  SECTION("a muted author's") {
    writer.erase({.author = 2, .target = target});
    Node node({.muted = {author_of(2)}, .erasers = {author_of(2)}});
    node.apply_all(writer.history());
    CHECK(value(node, item, field) == kept);
  }
}

TEST_CASE("document: content that is not here reads absent, and erased only once an erase says so", "[document]") {
  Writer writer;
  const OpId item = writer.insert({});
  const OpId set = writer.set({.seq = 1, .target = item, .name = "stage", .content = "1"});
  History history = writer.history();
  history.back().content.reset();
  Node node;
  node.apply_all(history);
  CHECK(value(node, item, "stage") == "-");
  writer.erase({.target = set});
  node.apply(writer.last());
  CHECK(value(node, item, "stage") == "erased");
}

}  // namespace
}  // namespace musher
