#include <algorithm>
#include <catch2/catch.hpp>

#include "support/document_checks.hpp"

namespace musher {
namespace {

using namespace testing;

TEST_CASE("document: an empty one has nothing and a digest of its own", "[document]") {
  Node node;
  CHECK(node.document().items(true).empty());
  CHECK(node.document().stories().empty());
  CHECK(node.document().counts().items == 0);
  CHECK(node.document().next_list_seq() == Seq{1});
  CHECK(node.document().next_seq(id_of(1), "stage") == Seq{1});
  CHECK_FALSE(node.document().item(id_of(1)).has_value());
  CHECK(node.document().story("478").empty());
  CHECK(node.document().purges("478").empty());
  CHECK(node.document().state_digest() == Node().document().state_digest());
}

TEST_CASE("document: an insert makes an item with its initial fields, by name", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.seq = 485, .name = "478", .content = R"({"name":"sync","stage":"1_backlog"})"});
  Node node;
  CHECK(node.apply(writer.last()) == Applied::applied);
  const ItemState state = node.document().item(item).value();
  CHECK(state.story == "478");
  CHECK(state.seq == Seq{485});
  CHECK(state.author == author_of(1));
  CHECK(state.visible);
  REQUIRE(state.fields.size() == 2);
  CHECK(state.fields[0] == FieldState{"name", "\"sync\"", item, author_of(1), Seq{0}, false});
  CHECK(state.fields[1] == FieldState{"stage", "\"1_backlog\"", item, author_of(1), Seq{0}, false});
  CHECK(node.document().next_seq(item, "stage") == Seq{1});
  CHECK(node.document().next_list_seq() == Seq{486});
}

TEST_CASE("document: the list is the tree of targets, newest sibling first", "[document]") {
  Writer writer;
  const OpId a = writer.insert({.seq = 1});
  const OpId b = writer.insert({.seq = 2});
  const OpId a1 = writer.insert({.seq = 3, .target = a});
  const OpId a2 = writer.insert({.seq = 4, .target = a});
  const OpId a1x = writer.insert({.seq = 5, .target = a1});
  Node node;
  node.apply_all(writer.history());
  CHECK(order(node) == std::vector{b, a, a2, a1, a1x});

  writer.tombstone({.seq = 6, .target = a1});
  node.apply(writer.last());
  CHECK(order(node) == std::vector{b, a, a2, a1x});
  CHECK(order(node, true) == std::vector{b, a, a2, a1, a1x});

  const OpId newest = writer.insert({.seq = 7, .target = a1});
  node.apply(writer.last());
  CHECK(order(node, true) == std::vector{b, a, a2, a1, newest, a1x});
}

TEST_CASE("document: siblings of one seq stand by author, then by id, highest first", "[document]") {
  Writer writer;
  std::vector<OpId> ids;
  for (const unsigned author : {1U, 2U, 3U}) ids.push_back(writer.insert({.author = author}));
  ids.push_back(writer.insert({.author = 3, .prev = OpId{}}));
  std::sort(ids.begin(), ids.end(), [&](const OpId& left, const OpId& right) {
    const auto author = [&](const OpId& id) {
      for (const Entry& entry : writer.history()) {
        if (entry.id == id) return entry.op.author;
      }
      return AuthorId{};
    };
    return std::pair(author(left), left) > std::pair(author(right), right);
  });
  Node node;
  node.apply_all(writer.history());
  CHECK(order(node) == ids);
}

TEST_CASE("document: stories stand where the item shown for them stands", "[document]") {
  Writer writer;  // list order: 503, low, 9, high
  const OpId low = writer.insert({.seq = 1, .name = "478"});
  const OpId high = writer.insert({.seq = 2, .target = low, .name = "478"});
  writer.insert({.seq = 3, .target = low, .name = "9"});
  writer.insert({.seq = 4, .name = "503"});
  Node node;
  node.apply_all(writer.history());
  CHECK(node.document().stories() == std::vector<std::string>{"503", "9", "478"});
  REQUIRE(node.document().story("478").size() == 2);
  CHECK(node.document().story("478")[0].id == high);

  writer.tombstone({.seq = 5, .target = high});
  node.apply(writer.last());
  CHECK(node.document().stories() == std::vector<std::string>{"503", "478", "9"});
  CHECK(node.document().story("478")[0].id == low);
  CHECK(node.document().story("478")[1].id == high);
}

TEST_CASE("document: a moved one goes on where it was", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  CausalIndex index;
  REQUIRE(index.add(writer.last().id, writer.last().op));
  Document document(index);
  REQUIRE(document.apply({item, writer.last().op, writer.last().content}).has_value());
  Document moved = std::move(document);
  CHECK(moved.item(item).has_value());
}

}  // namespace
}  // namespace musher
