#include <catch2/catch.hpp>

#include "model/op.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using musher::testing::op_id_of;
using musher::testing::plain_op;

TEST_CASE("dependencies: parents, prev and target, each once, ascending, without zeros", "[model]") {
  Op op = plain_op(OpKind::set);
  op.target = op_id_of(5);
  op.prev = op_id_of(3);
  op.parents = {op_id_of(2), op_id_of(3), op_id_of(9)};
  CHECK(dependencies(op) == std::vector{op_id_of(2), op_id_of(3), op_id_of(5), op_id_of(9)});
}

TEST_CASE("dependencies: a first insert at the head has none", "[model]") {
  CHECK(dependencies(plain_op(OpKind::insert)).empty());
}

TEST_CASE("kinds are called insert, set, delete and erase", "[model]") {
  CHECK(to_string(OpKind::insert) == "insert");
  CHECK(to_string(OpKind::set) == "set");
  CHECK(to_string(OpKind::tombstone) == "delete");
  CHECK(to_string(OpKind::erase) == "erase");
}

TEST_CASE("a purge is a delete that names a story", "[model]") {
  Op op = plain_op(OpKind::tombstone);
  CHECK_FALSE(op.is_purge());
  op.name = "478_story_sync";
  CHECK(op.is_purge());
  CHECK_FALSE(plain_op(OpKind::insert).is_purge());
}
