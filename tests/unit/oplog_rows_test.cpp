// A row and its columns: what goes in comes out, and what cannot be an op is named and not guessed at.

#include <catch2/catch.hpp>

#include <random>

#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

struct Damage {
  const char* column;
  const char* value;  ///< SQL
  const char* why;
};

ScannedRow second_row(const ScratchLog& scratch) {
  const RowId row{2};
  return must(scratch.open(OpenMode::read)->rows(std::span(&row, 1))).at(0);
}

/// Two ops, then one column of the second is overwritten as it stands: no triggers, no STRICT, no indexes.
void damage(const ScratchLog& scratch, const std::string& column, const std::string& value) {
  {
    const auto log = scratch.open();
    LogBuilder builder(*log, identity_of(1));
    builder.set(builder.insert("478_story_sync"), "stage", R"("2_current")");
  }
  RawDatabase raw(scratch.path());
  raw.drop_triggers();
  raw.exec(
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = "
      "'crdt_ops'");
  raw.exec(
      "UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), 'INTEGER,', 'BLOB,') WHERE name = "
      "'crdt_ops'");
  RawDatabase(scratch.path()).exec("UPDATE crdt_ops SET " + column + " = " + value + " WHERE rowid = 2");
}

}  // namespace

TEST_CASE("rows: an op of any kind and shape comes back as it went in", "[oplog]") {
  std::mt19937_64 random(20261122);
  const ScratchLog scratch;
  const auto log = scratch.open();
  const Verifier verifier(test_document());
  // Ops without dependencies, so that any will do: an insert at the head by a new author, or another's first op.
  std::vector<OpRow> written;
  auto write = must(log->begin_write(std::chrono::seconds(1)));
  for (int i = 0; i < 300; ++i) {
    SignedOp claim = random_claim(random);
    claim.op.kind = OpKind::insert;
    claim.op.target = {};
    claim.op.prev = {};
    claim.op.index = OpIndex{1};
    claim.op.parents.clear();
    if (claim.op.name.empty()) claim.op.name = "story";
    claim.content = plain_content(OpKind::insert);
    claim.salt.bytes.fill(static_cast<std::uint8_t>(1 + i % 255));
    claim.op.seq = Seq{static_cast<std::uint64_t>(INT64_MAX) - static_cast<std::uint64_t>(i)};
    const auto verified = verifier.verify(resigned(identity_of(1), claim));
    if (!verified) UNSCOPED_INFO(to_string(verified.error()));
    REQUIRE(verified);
    const RowId row = must(write->append(*verified, Depth{1}, "peer:00ff", -5 + i, false));
    written.push_back({row, verified->id(), verified->claim(), Depth{1}, "peer:00ff", -5 + i});
  }
  must(write->commit());
  const auto read = all_rows(*log);
  REQUIRE(read.size() == written.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].row == written[i].row);
    CHECK(read[i].id == written[i].id);
    CHECK(read[i].op == written[i].op);
    CHECK(read[i].depth == written[i].depth);
    CHECK(read[i].source == written[i].source);
    CHECK(read[i].received_ms == written[i].received_ms);
  }
}

TEST_CASE("rows: a column that cannot be part of an op makes the row malformed, and is named", "[oplog]") {
  const auto [column, value, why] = GENERATE(values<Damage>({
      {"op_id", "zeroblob(31)", "31 bytes, not 32"},
      {"op_id", "'text'", "text where a blob belongs"},
      {"op_id", "NULL", "NULL where a blob belongs"},
      {"author", "zeroblob(33)", "33 bytes, not 32"},
      {"author", "NULL", "NULL where a blob belongs"},
      {"idx", "-1", "-1 is negative"},
      {"idx", "'1'", "text where an integer belongs"},
      {"prev", "x'00'", "1 bytes, not 32"},
      {"prev", "zeroblob(32)", "zeros, which are stored as NULL"},
      {"kind", "0", "there is no kind 0"},
      {"kind", "5", "there is no kind 5"},
      {"kind", "258", "there is no kind 258"},
      {"kind", "NULL", "NULL where an integer belongs"},
      {"seq", "-9223372036854775808", "-9223372036854775808 is negative"},
      {"seq", "1.5", "a real number where an integer belongs"},
      {"target", "x''", "0 bytes, not 32"},
      {"target", "zeroblob(32)", "zeros, which are stored as NULL"},
      {"parents", "zeroblob(33)", "33 bytes are not a whole number of ids"},
      {"parents", "NULL", "NULL where a blob belongs"},
      {"name", "x'6162'", "a blob where text belongs"},
      {"actor", "NULL", "NULL where text belongs"},
      {"digest", "x'ff'", "1 bytes, not 32"},
      {"digest", "zeroblob(32)", "zeros, which are stored as NULL"},
      {"content", "x'7b7d'", "a blob where text belongs"},
      {"salt", "x'00ff'", "2 bytes, not 16"},
      {"salt", "zeroblob(16)", "zeros, which are stored as NULL"},
      {"time_ms", "'now'", "text where an integer belongs"},
      {"signature", "zeroblob(63)", "63 bytes, not 64"},
      {"depth", "-7", "-7 is negative"},
      {"source", "NULL", "NULL where text belongs"},
      {"received_ms", "2.5", "a real number where an integer belongs"},
  }));
  CAPTURE(column, value);
  const ScratchLog scratch;
  damage(scratch, column, value);
  const ScannedRow row = second_row(scratch);
  REQUIRE(std::holds_alternative<MalformedRow>(row));
  const auto& bad = std::get<MalformedRow>(row);
  CHECK(bad.row == RowId{2});
  CHECK(bad.column == column);
  CHECK(bad.why == why);
  CHECK(bad.id.has_value() == (std::string(column) != "op_id"));
}

TEST_CASE("rows: a salt without content is malformed, since it lets the content be guessed", "[oplog]") {
  const ScratchLog scratch;
  damage(scratch, "content", "NULL");
  const auto row = second_row(scratch);
  REQUIRE(std::holds_alternative<MalformedRow>(row));
  CHECK(std::get<MalformedRow>(row).column == "salt");
  CHECK(std::get<MalformedRow>(row).why == "kept although the content is gone");
}

TEST_CASE("rows: content that was dropped with its salt reads as an op without content", "[oplog]") {
  const ScratchLog scratch;
  damage(scratch, "(content, salt)", "(NULL, NULL)");
  const auto row = second_row(scratch);
  REQUIRE(std::holds_alternative<OpRow>(row));
  CHECK_FALSE(std::get<OpRow>(row).op.content);
  CHECK_FALSE(std::get<OpRow>(row).op.op.content_digest.is_zero());
}

TEST_CASE("rows: one malformed row does not stop a scan", "[oplog]") {
  const ScratchLog scratch;
  damage(scratch, "kind", "9");
  const auto log = scratch.open(OpenMode::read);
  std::vector<bool> good;
  must(log->scan(RowId{0}, RowId{100}, [&](ScannedRow&& row) {
    good.push_back(std::holds_alternative<OpRow>(row));
    return true;
  }));
  CHECK(good == std::vector<bool>{true, false});
}
