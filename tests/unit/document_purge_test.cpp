#include <catch2/catch.hpp>

#include "support/document_checks.hpp"

namespace musher {
namespace {

using namespace testing;

TEST_CASE("document: a tombstone wins over every set, before or after", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478", .content = R"({"stage":"1"})"});
  const History before = writer.history();
  writer.tombstone({.seq = 2, .target = item});
  const Entry tombstone = writer.last();
  const OpId set = writer.set({.author = 2, .seq = 1, .target = item, .name = "stage", .content = "2"});
  check_either_order(before, tombstone, writer.last(), {}, [&](const Node& node) {
    CHECK_FALSE(visible(node, item));
    CHECK(node.document().items().empty());
    CHECK(node.document().stories().empty());
    CHECK(value(node, item, "stage") == "-");  // the winner is kept, the value is not
    CHECK(node.document().item(item)->fields.front().winner == set);
    CHECK(node.document().next_seq(item, "stage") == Seq{2});
    CHECK(node.document().next_list_seq() == Seq{3});
    CHECK(node.document().counts().tombstones == 1);
  });
}

TEST_CASE("document: a plain delete leaves the story's other items", "[document]") {
  Writer writer;
  const OpId left = writer.insert({.name = "478"});
  const OpId right = writer.insert({.seq = 2, .name = "478"});
  writer.tombstone({.seq = 3, .target = left});
  Node node;
  node.apply_all(writer.history());
  CHECK_FALSE(visible(node, left));
  CHECK(visible(node, right));
  CHECK(node.document().stories() == std::vector<std::string>{"478"});
  CHECK(node.document().purges("478").empty());
}

TEST_CASE("document: a purge hides every item of the story that did not know of it", "[document]") {
  Writer writer;
  const OpId known = writer.insert({.name = "478"});
  writer.insert({.seq = 2, .name = "503"});
  const History before = writer.history();
  const OpId purge = writer.tombstone({.seq = 3, .target = known, .name = "478"});
  const Entry purge_entry = writer.last();
  const OpId offline = writer.insert({.author = 2, .seq = 3, .name = "478"});
  check_either_order(before, purge_entry, writer.last(), {}, [&](const Node& node) {
    CHECK_FALSE(visible(node, known));
    CHECK_FALSE(visible(node, offline));
    CHECK(node.document().stories() == std::vector<std::string>{"503"});
    CHECK(node.document().purges("478") == std::vector{purge});
    CHECK(node.document().counts().stories == 1);
  });
}

TEST_CASE("document: only a writer that knows of the purge brings the story back", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  const OpId purge = writer.tombstone({.seq = 2, .target = item, .name = "478"});
  Node node;
  node.apply_all(writer.history());

  const OpId unaware = writer.insert({.author = 2, .seq = 3, .name = "478"});
  CHECK(node.apply(writer.last()) == Applied::came_back);
  CHECK(node.apply(writer.last()) == Applied::applied);  // a duplicate is no news
  CHECK_FALSE(visible(node, unaware));

  const OpId aware = writer.insert({.author = 3, .seq = 3, .parents = {purge}, .name = "478"});
  CHECK(node.apply(writer.last()) == Applied::applied);
  CHECK(visible(node, aware));
  CHECK(node.document().stories() == std::vector<std::string>{"478"});
  const std::vector<ItemState> story = node.document().story("478");
  REQUIRE(story.size() == 3);
  CHECK(story.front().id == aware);
}

TEST_CASE("document: of several concurrent purges an insert must know every one", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  const OpId left = writer.tombstone({.author = 2, .seq = 2, .target = item, .name = "478"});
  const OpId right = writer.tombstone({.author = 3, .seq = 2, .target = item, .name = "478"});
  Node node;
  node.apply_all(writer.history());
  writer.insert({.author = 4, .seq = 3, .parents = {left}, .name = "478"});
  CHECK(node.apply(writer.last()) == Applied::came_back);
  writer.insert({.author = 5, .seq = 3, .parents = {left, right}, .name = "478"});
  CHECK(node.apply(writer.last()) == Applied::applied);
  CHECK(node.document().purges("478") == std::vector{left, right});
}

TEST_CASE("document: a later purge stands for the purges it descends from, and all are listed once", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  const OpId first = writer.tombstone({.seq = 2, .target = item, .name = "478"});
  const OpId second = writer.tombstone({.seq = 3, .target = item, .name = "478"});
  Node node;
  node.apply_all(writer.history());
  node.apply_all(writer.history());
  CHECK(node.document().purges("478") == std::vector{first, second});
  writer.insert({.author = 2, .seq = 4, .parents = {first}, .name = "478"});
  CHECK(node.apply(writer.last()) == Applied::came_back);
  const OpId aware = writer.insert({.author = 3, .seq = 4, .parents = {second}, .name = "478"});
  node.apply(writer.last());
  CHECK(visible(node, aware));
}

TEST_CASE("document: a naive order may apply a purge after the insert that knew of it", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.seq = 1, .name = "478"});
  const OpId purge = writer.tombstone({.seq = 9, .target = item, .name = "478"});
  const OpId aware = writer.insert({.seq = 2, .parents = {purge}, .name = "478"});
  const OpId unaware = writer.insert({.author = 2, .seq = 3, .name = "478"});
  Node node;
  for (const Entry& entry : writer.history()) REQUIRE(node.index().add(entry.id, entry.op));
  for (const unsigned at : {0U, 2U, 3U, 1U}) node.apply_indexed(writer.history()[at]);
  CHECK_FALSE(visible(node, item));
  CHECK(visible(node, aware));
  CHECK_FALSE(visible(node, unaware));
}

/// Counts what is asked of an index.
class CountingAncestry final : public Ancestry {
 public:
  explicit CountingAncestry(const CausalIndex& index) : index_(index) {}
  Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override {
    ++asked;
    return index_.precedes(ancestor, descendant);
  }
  Result<std::uint32_t> purge_number(const OpId& purge) const override { return index_.purge_number(purge); }
  Result<bool> descends_from_all(const OpId& descendant, const NumberSet& purges) const override {
    ++asked;
    return index_.descends_from_all(descendant, purges);
  }
  mutable int asked = 0;

 private:
  const CausalIndex& index_;
};

/// A document that says what each op cost.
struct CountedDocument {
  Writer writer;
  CausalIndex index;
  CountingAncestry counting{index};
  Document document{counting};

  /// What became of the writer's last op, and the questions it took.
  std::pair<Applied, int> apply_last() {
    const Entry& entry = writer.last();
    REQUIRE(index.add(entry.id, entry.op));
    const int before = counting.asked;
    const Applied applied = document.apply({entry.id, entry.op, entry.content}).value();
    return {applied, counting.asked - before};
  }
};

TEST_CASE("document: a thousand concurrent purges cost a question each, and an insert one about all of them",
          "[document]") {
  constexpr int kPurges = 1'000;
  CountedDocument counted;
  Writer& writer = counted.writer;
  const auto apply_last = [&] { return counted.apply_last(); };
  const OpId item = writer.insert({.name = "478"});
  static_cast<void>(apply_last());
  std::vector<OpId> purges;
  for (int i = 0; i < kPurges; ++i) {
    purges.push_back(writer.tombstone({.author = 2, .seq = 2, .target = item, .name = "478", .prev = OpId{}}));
    CHECK(apply_last().second <= 1);
  }
  CHECK(counted.document.purges("478") == purges);
  writer.insert({.author = 3, .name = "478"});
  CHECK(apply_last() == std::pair(Applied::came_back, 1));
  writer.insert({.author = 4, .parents = purges, .name = "478"});
  CHECK(apply_last() == std::pair(Applied::applied, 1));
  writer.insert({.author = 4, .name = "478"});
  CHECK(apply_last() == std::pair(Applied::applied, 1));
}

TEST_CASE("document: purges on one chain cost an insert a question for all of them, however many they are",
          "[document]") {
  constexpr int kPurges = 300, kInserts = 300;
  CountedDocument counted;
  Writer& writer = counted.writer;
  const auto apply_last = [&] { return counted.apply_last().first; };
  const auto purge = [&](unsigned author, const OpId& item) {
    const OpId id = writer.tombstone({.author = author, .seq = 2, .target = item, .name = "478"});
    static_cast<void>(apply_last());
    return id;
  };
  const OpId item = writer.insert({.name = "478"});
  static_cast<void>(apply_last());
  const OpId left = purge(2, item), right = purge(3, item);
  OpId last{};
  for (int i = 0; i < kPurges; ++i) last = purge(4, item);
  CHECK(counted.counting.asked <= kPurges + 2);
  // Each is hidden by another purge than the one before, and knows all of the chain.
  for (int i = 0; i < kInserts; ++i) {
    const bool odd = i % 2 == 1;
    writer.insert({.author = odd ? 5U : 6U, .parents = {odd ? left : right, last}, .name = "478"});
    CHECK(apply_last() == Applied::came_back);
  }
  CHECK(counted.counting.asked <= kPurges + 2 + kInserts);
}

/// An ancestry that cannot be read, as a log whose disk fails.
class BrokenAncestry final : public Ancestry {
 public:
  Result<bool> precedes(const OpId&, const OpId&) const override { return fail(Errc::io, "read the log: disk error"); }
  Result<std::uint32_t> purge_number(const OpId&) const override { return 0; }
  Result<bool> descends_from_all(const OpId&, const NumberSet&) const override {
    return fail(Errc::io, "read the log: disk error");
  }
};

TEST_CASE("document: when the ancestry fails the op is not applied", "[document]") {
  Writer writer;
  const OpId first = writer.insert({.seq = 1, .name = "478"});
  writer.insert({.seq = 2, .name = "478"});
  writer.tombstone({.seq = 3, .target = first, .name = "478"});
  BrokenAncestry broken;
  Document document(broken);
  const auto apply = [&](const Entry& entry) { return document.apply({entry.id, entry.op, entry.content}); };
  REQUIRE(apply(writer.history()[0]).has_value());
  REQUIRE(apply(writer.history()[1]).has_value());
  const Digest before = document.state_digest();
  const auto purged = apply(writer.last());
  REQUIRE_FALSE(purged.has_value());
  CHECK(purged.error().code == Errc::io);
  CHECK(document.state_digest() == before);
  CHECK(document.next_list_seq() == Seq{3});
  CHECK(document.purges("478").empty());
}

}  // namespace
}  // namespace musher
