#include <algorithm>
#include <catch2/catch.hpp>

#include "support/document_checks.hpp"

namespace musher {
namespace {

using namespace testing;

TEST_CASE("document: a muted author's ops are counted and not heard", "[document]") {
  const Trust trust{.muted = {author_of(2)}};
  Writer writer;
  const OpId item = writer.insert({.name = "478", .content = R"({"stage":"1"})"});
  Node node(trust);
  node.apply(writer.last());

  SECTION("a set: its seq counts") {
    writer.set({.author = 2, .seq = 7, .target = item, .name = "stage", .content = "\"muted\""});
    CHECK(node.apply(writer.last()) == Applied::applied);
    CHECK(value(node, item, "stage") == "\"1\"");
    CHECK(node.document().next_seq(item, "stage") == Seq{8});
    writer.set({.author = 2, .seq = 3, .target = item, .name = "agent"});
    node.apply(writer.last());
    CHECK(value(node, item, "agent").empty());
    CHECK(node.document().next_seq(item, "agent") == Seq{4});
  }
  SECTION("an insert: it keeps its place, hidden, and others may build on it") {
    const OpId muted =
        writer.insert({.author = 2, .seq = 2, .target = item, .name = "478", .content = R"({"stage":"x"})"});
    CHECK(node.apply(writer.last()) == Applied::applied);
    CHECK_FALSE(visible(node, muted));
    CHECK(node.document().item(muted)->fields.empty());
    CHECK(node.document().next_list_seq() == Seq{3});
    const OpId after = writer.insert({.author = 3, .seq = 3, .target = muted});
    CHECK(node.apply(writer.last()) == Applied::applied);
    CHECK(order(node) == std::vector{item, after});
    const OpId set = writer.set({.author = 3, .seq = 1, .target = muted, .name = "stage"});
    CHECK(node.apply(writer.last()) == Applied::applied);
    CHECK(node.document().item(muted)->fields.front().winner == set);
  }
  SECTION("a delete and a purge: their seq counts") {
    writer.tombstone({.author = 2, .seq = 4, .target = item});
    CHECK(node.apply(writer.last()) == Applied::applied);
    writer.tombstone({.author = 2, .seq = 5, .target = item, .name = "478"});
    CHECK(node.apply(writer.last()) == Applied::applied);
    CHECK(visible(node, item));
    CHECK(node.document().purges("478").empty());
    CHECK(node.document().next_list_seq() == Seq{6});
    writer.insert({.author = 3, .seq = 6, .name = "478"});
    CHECK(node.apply(writer.last()) == Applied::applied);
  }
}

TEST_CASE("document: a muted insert of a purged story is muted, not come back", "[document]") {
  Writer writer;
  const OpId item = writer.insert({.name = "478"});
  writer.tombstone({.seq = 2, .target = item, .name = "478"});
  writer.insert({.author = 2, .seq = 3, .name = "478"});
  Node node({.muted = {author_of(2)}});
  node.apply(writer.history()[0]);
  node.apply(writer.history()[1]);
  CHECK(node.apply(writer.history()[2]) == Applied::applied);
}

TEST_CASE("document: the naive order loses the update, and the counter with it", "[document]") {
  Writer writer;
  OpId last;
  for (std::uint64_t seq = 1; seq <= 6; ++seq) last = writer.insert({.seq = seq, .name = std::to_string(seq)});
  writer.set({.seq = 1, .target = last, .name = "stage", .content = "\"2_current\""});
  const History& history = writer.history();

  Node causal;
  causal.apply_all(history);
  CHECK(value(causal, last, "stage") == "\"2_current\"");
  CHECK(causal.document().next_seq(last, "stage") == Seq{2});

  History by_seq = history;
  std::stable_sort(by_seq.begin(), by_seq.end(),
                   [](const Entry& left, const Entry& right) { return left.op.seq < right.op.seq; });
  Node naive;
  for (const Entry& entry : history) REQUIRE(naive.index().add(entry.id, entry.op));
  std::vector<OpId> dropped;
  for (const Entry& entry : by_seq) {
    if (naive.apply_indexed(entry) == Applied::target_missing) dropped.push_back(entry.id);
  }
  CHECK(dropped == std::vector{history.back().id});
  CHECK(value(naive, last, "stage").empty());
  CHECK(naive.document().next_seq(last, "stage") == Seq{1});
  CHECK(naive.document().register_seqs().empty());
  CHECK(naive.document().counts().items == 6);
}

TEST_CASE("document: an op whose item is not here changes nothing, whatever its kind", "[document]") {
  Writer writer;
  const OpId missing = writer.insert({.seq = 1, .name = "478"});
  writer.insert({.seq = 2, .target = missing});
  writer.set({.seq = 3, .target = missing, .name = "stage"});
  writer.tombstone({.seq = 4, .target = missing});
  writer.tombstone({.seq = 5, .target = missing, .name = "478"});
  Node node({.muted = GENERATE(std::vector<AuthorId>{}, std::vector{author_of(1)})});
  for (const Entry& entry : writer.history()) REQUIRE(node.index().add(entry.id, entry.op));
  for (std::size_t at = 1; at < writer.history().size(); ++at) {
    CHECK(node.apply_indexed(writer.history()[at]) == Applied::target_missing);
  }
  CHECK(node.document().next_list_seq() == Seq{1});
  CHECK(node.document().items(true).empty());
  CHECK(node.document().purges("478").empty());
  CHECK(node.document().state_digest() == Node().document().state_digest());

  writer.erase({.target = missing});
  CHECK(node.apply(writer.last()) == Applied::applied);  // and has no effect
  CHECK(node.apply_indexed(writer.history().front()) == Applied::applied);
  CHECK_FALSE(node.document().item(missing)->content_erased);
}

}  // namespace
}  // namespace musher
