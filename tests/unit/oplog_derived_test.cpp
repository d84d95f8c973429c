// heads, tips and marks: always what the rows add up to, and brought up to date by the next writer when they are not.

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "crypto/hashing.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

struct Derived {
  std::vector<Head> heads;
  std::vector<Tip> tips;
  std::vector<Mark> marks;
};

/// By the definitions, from all rows.
Derived worked_out(LogReader& log) {
  Derived derived;
  std::set<OpId> depended_on, continued;
  std::map<OpId, OpRow> rows;
  Mark mark{RowId{0}, chain_start(log.info().log), Seq{0}, 0};
  std::map<std::int64_t, Mark> marks;
  for (const OpRow& row : all_rows(log)) {
    const Op& op = row.op.op;
    for (const OpId& id : dependencies(op)) depended_on.insert(id);
    continued.insert(op.prev);
    rows.emplace(row.id, row);
    const bool in_list = op.kind == OpKind::insert || op.kind == OpKind::tombstone;
    mark = {row.row, chain_next(mark.chain, row.row, row.id, row.op.signature, row.received_ms, row.source),
            in_list ? std::max(mark.list_seq, op.seq) : mark.list_seq, mark.ops + 1};
    if (raw(row.row) % 256 == 0) marks[raw(row.row)] = mark;
  }
  if (mark.ops > 0) marks[raw(mark.row)] = mark;
  for (const auto& [id, row] : rows) {
    if (!depended_on.contains(id)) derived.heads.push_back({id, row.depth});
    if (!continued.contains(id)) derived.tips.push_back({row.op.op.author, row.op.op.index, id});
  }
  std::ranges::sort(derived.tips);
  for (const auto& [row, one] : marks) derived.marks.push_back(one);
  return derived;
}

Derived stored(LogReader& log) { return {must(log.heads()), must(log.tips()), must(log.marks())}; }

void check_matches(LogReader& log) {
  const Derived expected = worked_out(log), found = stored(log);
  CHECK(found.heads == expected.heads);
  CHECK(found.tips == expected.tips);
  CHECK(found.marks == expected.marks);
  if (!expected.marks.empty()) CHECK(must(log.last_mark()) == expected.marks.back());
}

/// An op that names any older ops of the log as its parents and prev, so that branches and equivocations arise.
VerifiedOp any_op(const std::vector<OpRow>& rows, std::mt19937& random, Depth& depth) {
  const auto author = static_cast<std::uint8_t>(1 + random() % 3);
  const Identity identity = identity_of(author);
  Op op = plain_op(OpKind::insert);
  op.name = "story_" + std::to_string(random() % 4) + "_" + std::to_string(rows.size());
  std::vector<const OpRow*> own;
  for (const OpRow& row : rows) {
    if (row.op.op.author == identity.author()) own.push_back(&row);
  }
  depth = Depth{1};
  const auto depend = [&](const OpRow& row) { depth = std::max(depth, next(row.depth)); };
  if (!own.empty()) {  // now and then from an older op: a fork
    const OpRow& prev = random() % 8 == 0 ? *own[random() % own.size()] : *own.back();
    op.prev = prev.id;
    op.index = next(prev.op.op.index);
    depend(prev);
  }
  std::set<OpId> parents;
  for (std::size_t i = 0; i < random() % 4 && !rows.empty(); ++i) {
    const OpRow& parent = rows[rows.size() - 1 - random() % std::min<std::size_t>(rows.size(), 12)];
    parents.insert(parent.id);
    depend(parent);
  }
  op.parents.assign(parents.begin(), parents.end());
  op.seq = Seq{1 + random() % raw(depth)};
  return must(sign_op(identity, op, plain_content(OpKind::insert)));
}

/// A log of plain inserts, one transaction.
void fill(const ScratchLog& scratch, int ops) {
  const auto log = scratch.open();
  auto write = must(log->begin_write(std::chrono::seconds(1)));
  for (int i = 0; i < ops; ++i) must(append_op(*write, identity_of(1), {.name = "story", .content = "{}"}));
  must(write->commit());
}

}  // namespace

TEST_CASE("derived: follow every append, in transactions of any size, with reads in between", "[oplog]") {
  const unsigned seed = GENERATE(1U, 2U, 3U);
  std::mt19937 random(seed);
  CAPTURE(seed);
  const ScratchLog scratch;
  const auto log = scratch.open();
  std::vector<OpRow> rows;
  while (rows.size() < 530) {
    auto write = must(log->begin_write(std::chrono::seconds(1)));
    const std::size_t batch = 1 + random() % 90;
    for (std::size_t i = 0; i < batch; ++i) {
      Depth depth{};
      const VerifiedOp op = any_op(rows, random, depth);
      const RowId row = must(write->append(op, depth, "local", 5, false));
      rows.push_back({row, op.id(), op.claim(), depth, "local", 5});
      if (random() % 40 == 0) check_matches(*write);
    }
    if (random() % 5 == 0) {  // given up: as if it had never been
      rows.resize(rows.size() - batch);
      continue;
    }
    must(write->commit());
    check_matches(*log);
  }
}

TEST_CASE("derived: one mark every 256 rows and one for the last row", "[oplog]") {
  const ScratchLog scratch;
  fill(scratch, 255);
  fill(scratch, 1);
  fill(scratch, 1);
  fill(scratch, 300);
  std::vector<std::int64_t> rows;
  for (const Mark& mark : must(scratch.open(OpenMode::read)->marks())) rows.push_back(raw(mark.row));
  CHECK(rows == std::vector<std::int64_t>{256, 512, 557});
}

TEST_CASE("derived: what was lost or does not belong to the last row is rebuilt by the next writer", "[oplog]") {
  const char* damage = GENERATE(
      "DELETE FROM heads", "DELETE FROM tips", "DELETE FROM marks", "DELETE FROM marks WHERE row > 256",
      "UPDATE marks SET chain = x'00' WHERE row > 256", "UPDATE marks SET ops = 100000 WHERE row > 256",
      "INSERT INTO marks SELECT 999, chain, list_seq, ops FROM marks LIMIT 1", "UPDATE heads SET op_id = zeroblob(32)");
  CAPTURE(damage);
  const ScratchLog scratch;
  fill(scratch, 300);
  RawDatabase(scratch.path()).exec(damage);
  fill(scratch, 1);
  check_matches(*scratch.open(OpenMode::read));
}

TEST_CASE("derived: a signed row that came in by hand is taken in by the next writer", "[oplog]") {
  const ScratchLog scratch;
  fill(scratch, 3);
  RawDatabase(scratch.path()).exec("VACUUM INTO '" + (scratch.folder() / "other.db").string() + "'");
  {
    const auto other = must(SqliteOpLog::open(scratch.folder() / "other.db", OpenMode::write));
    auto write = must(other->begin_write(std::chrono::seconds(1)));
    must(append_op(*write, identity_of(2), {.name = "other", .content = "{}"}));
    must(write->commit());
  }
  RawDatabase(scratch.path())
      .exec("ATTACH '" + (scratch.folder() / "other.db").string() +
            "' AS other; INSERT INTO crdt_ops SELECT * FROM other.crdt_ops WHERE rowid = 4");
  fill(scratch, 1);
  check_matches(*scratch.open(OpenMode::read));
  CHECK(must(scratch.open(OpenMode::read)->count()) == 5);
}

TEST_CASE("derived: a forged row stops every writer, who names it, and nothing is built on it", "[oplog]") {
  const ScratchLog scratch;
  fill(scratch, 3);
  const char* forged = GENERATE(
      "randomblob(32), author, idx + 1, op_id, kind, seq, target, op_id, name, actor, digest, "
      "content, salt, time_ms, randomblob(64)",
      "op_id, author, idx, prev, kind, seq, target, parents, name, actor, digest, "
      "content, salt, time_ms, randomblob(64)",
      "op_id, author, idx, prev, kind, seq, target, parents, name, actor, digest, "
      "'{\"stage\":1}', salt, time_ms, signature");
  CAPTURE(forged);
  {
    RawDatabase raw(scratch.path());
    raw.drop_triggers();
    if (std::string_view(forged).starts_with("op_id")) {  // the last row, changed
      raw.exec(
          "CREATE TEMP TABLE last AS SELECT * FROM crdt_ops WHERE rowid = 3; DELETE FROM crdt_ops WHERE rowid = 3; "
          "DELETE FROM marks");
      raw.exec(std::string("INSERT INTO crdt_ops SELECT 4, ") + forged + ", depth, source, received_ms FROM last");
    } else {
      raw.exec(std::string("INSERT INTO crdt_ops SELECT 4, ") + forged +
               ", depth + 1, source, received_ms FROM crdt_ops WHERE rowid = 3");
    }
  }
  const auto log = scratch.open();
  const auto write = log->begin_write(std::chrono::seconds(1));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::damaged);
  CHECK(write.error().what.find("row 4 came in past musher, and it is not what its author signed") !=
        std::string::npos);
  CHECK(write.error().hint == "musher verify-order --log " + log->info().path);
}

TEST_CASE("derived: nothing is rebuilt, and nothing written, from rows that cannot be read", "[oplog]") {
  const ScratchLog scratch;
  fill(scratch, 3);
  {
    RawDatabase raw(scratch.path());
    raw.drop_triggers();
    raw.exec("UPDATE crdt_ops SET kind = 9 WHERE rowid = 2; DELETE FROM heads");
  }
  const auto log = scratch.open();
  const auto write = log->begin_write(std::chrono::seconds(1));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::damaged);
  CHECK(write.error().what == "cannot bring heads, tips and marks of " + log->info().path +
                                  " up to date: row 2 is malformed (kind: there is no kind 9)");
  CHECK(write.error().hint == "musher verify-order --log " + log->info().path);
  CHECK(must(log->heads()).empty());
}

TEST_CASE("derived: the tables of a log whose ops were all taken away are emptied", "[oplog]") {
  const ScratchLog scratch;
  fill(scratch, 3);
  {
    RawDatabase raw(scratch.path());
    raw.drop_triggers();
    raw.exec("DELETE FROM crdt_ops");
  }
  const auto log = scratch.open();
  {
    const auto write = must(log->begin_write(std::chrono::seconds(1)));
    check_matches(*write);
  }
  fill(scratch, 1);
  check_matches(*log);
  CHECK(must(log->last_row()) == RowId{4});  // a row number is never used again
}
