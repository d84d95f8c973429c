// What purged stories cost an audit, and that it ends when it is told to.

#include "audit/story_check.hpp"

#include <catch2/catch.hpp>

#include "document/causal_index.hpp"
#include "support/history.hpp"
#include "support/log_builder.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// Counts what is asked: a walk is one question, whatever it answers.
class CountedWalks final : public Ancestry {
 public:
  explicit CountedWalks(const CausalIndex& index) : index_(index) {}
  Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override {
    ++asked;
    return index_.precedes(ancestor, descendant);
  }
  Result<std::vector<bool>> any_descends_from(std::span<const OpId> ops, std::span<const OpId> earlier) const override {
    ++asked;
    return index_.any_descends_from(ops, earlier);
  }
  Result<std::uint32_t> purge_number(const OpId& purge) const override { return index_.purge_number(purge); }
  Result<bool> descends_from_all(const OpId& descendant, const NumberSet& purges) const override {
    ++asked;
    return index_.descends_from_all(descendant, purges);
  }
  mutable std::uint64_t asked = 0;

 private:
  const CausalIndex& index_;
};

/// The check over a history that all hear.
struct Checked {
  explicit Checked(const History& history) {
    for (const Entry& each : history) {
      REQUIRE(index.add(each.id, each.op));
      const EntryNumber number = tables.ops.number_of(each.id);
      OpEntry& entry = tables.ops[number];
      entry.seen = true;
      entry.kind = each.op.kind;
      entry.row = RowId{number + 1};
      if (each.op.kind == OpKind::insert) entry.extra = tables.stories.number_of(each.op.name);
      const OpRow row{.row = entry.row, .id = each.id, .op = {each.op, {}, each.content, {}}, .source = {}};
      check.row({.stored = row, .id = each.id, .number = number, .own = {}});
    }
  }

  CausalIndex index;
  CountedWalks ancestry{index};
  OpTables tables;
  FindingList findings{all_checks(), "pipeline.db"};
  StoryCheck check{tables, findings};
};

constexpr std::uint64_t kEach = 200;

/// Inserts and purges of one story that know nothing of each other, but for the first insert.
History apart() {
  Writer writer;
  const OpId first = writer.insert({.name = "478"});
  for (std::uint64_t n = 1; n < kEach; ++n) writer.insert({.name = "478", .prev = OpId{}});
  for (std::uint64_t n = 0; n < kEach; ++n) writer.tombstone({.target = first, .name = "478", .prev = OpId{}});
  return writer.history();
}

}  // namespace

TEST_CASE("story check: inserts and purges that know nothing of each other cost one question for each", "[audit]") {
  Checked checked(apart());
  REQUIRE(checked.check.needs_ancestry());
  must(checked.check.hide_purged(checked.ancestry, [] { return true; }));
  CHECK(checked.findings.count(FindingCode::came_back) == kEach - 1);
  CHECK(checked.ancestry.asked <= 2 * kEach);
  checked.check.finish();
  CHECK(checked.findings.count(FindingCode::duplicate_story) == 0);
}

TEST_CASE("story check: it ends when it is told to", "[audit]") {
  Checked checked(apart());
  const std::uint64_t end = GENERATE(std::uint64_t{10}, kEach + 10);  // at a purge, and at an insert
  std::uint64_t seen = 0;
  must(checked.check.hide_purged(checked.ancestry, [&] { return ++seen <= end; }));
  CHECK(checked.findings.count(FindingCode::came_back) <= 10);
  CHECK(checked.ancestry.asked <= end + 10);
}

TEST_CASE("story check: an insert that some purge knows is purged, and did not come back", "[audit]") {
  Writer writer;
  const OpId target = writer.insert({.name = "478"});
  const OpId known = writer.insert({.author = 2, .name = "478"});
  const OpId unknown = writer.insert({.author = 3, .name = "478"});
  const OpId left = writer.tombstone({.author = 4, .target = target, .name = "478"});
  const OpId right = writer.tombstone({.author = 5, .target = target, .parents = {known}, .name = "478"});
  const OpId half = writer.insert({.author = 6, .parents = {left}, .name = "478"});
  const OpId back = writer.insert({.author = 7, .parents = {left, right}, .name = "478"});
  Checked checked(writer.history());
  must(checked.check.hide_purged(checked.ancestry, [] { return true; }));
  std::vector<OpId> came_back;
  for (const Finding& finding : checked.findings.sorted()) came_back.push_back(*finding.op);
  CHECK(came_back == std::vector{unknown, half});
  CHECK_FALSE(checked.tables.ops.seen(back)->hidden);
  CHECK(checked.tables.ops.seen(known)->hidden);
}
