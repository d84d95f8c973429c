// The last ops of a log that are kept for all peers: how many, and that nothing of an erased op is among them.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "sync/message.hpp"
#include "sync/tail.hpp"

namespace musher::sync {
namespace {

LogMark mark_at(std::int64_t row) { return {RowId{row}, {}}; }

OpId id_of(std::int64_t row) {
  OpId id;
  id.hash[0] = static_cast<std::uint8_t>(row >> 8);
  id.hash[1] = static_cast<std::uint8_t>(row);
  return id;
}

OutOps rows(std::int64_t first, std::int64_t last, std::size_t bytes = 100) {
  OutOps ops;
  for (std::int64_t row = first; row <= last; ++row) {
    OutOp op;
    op.mark = mark_at(row);
    op.id = id_of(row);
    op.bytes = std::string(bytes, 'x');
    ops.push_back(std::make_shared<const OutOp>(std::move(op)));
  }
  return ops;
}

OutOps erase(std::int64_t row, std::int64_t target) {
  OutOp op;
  op.mark = mark_at(row);
  op.id = id_of(row);
  op.erases = id_of(target);
  return {std::make_shared<const OutOp>(std::move(op))};
}

TEST_CASE("sync tail: the last 1,024 ops are kept, and who is behind those reads the log", "[sync]") {
  Tail tail;
  tail.begin(mark_at(0));
  tail.add(rows(1, 1'024));
  CHECK(tail.after(mark_at(0)));
  tail.add(rows(1'025, 1'025));
  CHECK_FALSE(tail.after(mark_at(0)));
  const auto first = tail.after(mark_at(1));
  REQUIRE(first);
  CHECK(first->size() == kMaxBatchOps);
  CHECK(first->front()->mark.row == RowId{2});
  CHECK(tail.after(mark_at(1'024))->size() == 1);
  CHECK(tail.after(mark_at(1'025))->empty());
  CHECK(tail.end().row == RowId{1'025});
}

TEST_CASE("sync tail: or fewer, when they are large", "[sync]") {
  Tail tail;
  tail.begin(mark_at(0));
  tail.add(rows(1, 10, Tail::kCapacityBytes / 4));
  CHECK_FALSE(tail.after(mark_at(5)));
  CHECK(tail.after(mark_at(6)));
}

TEST_CASE("sync tail: what is erased is not kept, nor what is before it", "[sync]") {
  Tail tail;
  tail.begin(mark_at(0));
  tail.add(rows(1, 10));
  tail.add(erase(11, 4));
  CHECK_FALSE(tail.after(mark_at(0)));
  CHECK_FALSE(tail.after(mark_at(3)));  // row 4 is read from the log, where its content is gone
  const auto behind = tail.after(mark_at(4));
  REQUIRE(behind);
  CHECK(behind->size() == 7);
  CHECK(behind->front()->id == id_of(5));

  SECTION("and an erase that comes with its target, in one catch-up") {
    OutOps both = rows(12, 13);
    both.push_back(erase(14, 13).front());
    tail.add(std::move(both));
    CHECK_FALSE(tail.after(mark_at(12)));
    CHECK(tail.after(mark_at(13))->size() == 1);
  }
  SECTION("an erase of what is not kept drops nothing") {
    tail.add(erase(12, 1));
    CHECK(tail.after(mark_at(4))->size() == 8);
  }
}

}  // namespace
}  // namespace musher::sync
