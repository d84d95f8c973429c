// Rows changed, deleted, moved, doubled and forged by somebody who took the triggers away and put them back.

#include <catch2/catch.hpp>

#include <algorithm>

#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "support/audited_log.hpp"
#include "support/log_builder.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// The finding that names row 20 after its column was set to this SQL value.
std::string after_setting(const std::string& column, const std::string& value) {
  const AuditedLog log;
  log.damage("UPDATE crdt_ops SET " + column + " = " + value + " WHERE rowid = 20");
  const AuditReport report = log.audit();
  CHECK(report.verdict == AuditVerdict::findings);
  return codes(report);
}

}  // namespace

TEST_CASE("tampering: a log that nobody touched has nothing to report", "[audit]") {
  const AuditReport report = AuditedLog().audit();
  CHECK(codes(report).empty());
  CHECK(report.verdict == AuditVerdict::ok);
  CHECK(report.coverage.rows == 46);
  CHECK(report.coverage.rows_checked == 46);
  CHECK(report.coverage.signatures_checked == 46);
  CHECK(report.coverage.rowid_from == RowId{1});
  CHECK(report.coverage.rowid_to == RowId{46});
  CHECK(report.coverage.checks_skipped == std::vector{Check::state});
}

TEST_CASE("tampering: a change of any column of a row is found and blamed on that row or its mark", "[audit]") {
  CHECK(after_setting("op_id", "randomblob(32)") == "id-mismatch 20");
  CHECK(after_setting("author", "(SELECT author FROM crdt_ops WHERE rowid = 19)") == "id-mismatch 20");
  CHECK(after_setting("idx", "idx + 1") == "id-mismatch 20");
  CHECK(after_setting("prev", "NULL") == "prev-mismatch 20");
  CHECK(after_setting("kind", "3") == "row-malformed 20");  // a delete may not have such content
  CHECK(after_setting("seq", "seq + 1") == "id-mismatch 20");
  CHECK(after_setting("target", "(SELECT op_id FROM crdt_ops WHERE rowid = 3)") == "id-mismatch 20");
  CHECK(after_setting("parents", "x''") == "id-mismatch 20");
  CHECK(after_setting("name", "'priority'") == "id-mismatch 20");
  CHECK(after_setting("actor", "'mallory'") == "id-mismatch 20");
  CHECK(after_setting("digest", "randomblob(32)") == "digest-mismatch 20");
  CHECK(after_setting("content", "'\"5_done\"'") == "digest-mismatch 20");
  CHECK(after_setting("content", "NULL, salt = NULL") == "content-missing 20");
  CHECK(after_setting("salt", "randomblob(16)") == "digest-mismatch 20");
  CHECK(after_setting("time_ms", "time_ms - 1") == "id-mismatch 20");
  CHECK(after_setting("signature", "randomblob(64)") == "signature-invalid 20");
  CHECK(after_setting("depth", "depth - 1") == "depth-mismatch 20");
  CHECK(after_setting("source", "'peer:mallory'") == "derived-stale 46");
  CHECK(after_setting("received_ms", "received_ms - 1") == "derived-stale 46");
}

TEST_CASE("tampering: a counter of an item that was changed is no second finding about the marks", "[audit]") {
  for (const char* damage : {"seq = seq + 1", "seq = 99", "seq = 1, time_ms = 0", "kind = 2, name = 'stage'"}) {
    for (const char* row : {"9", "43", "44", "45"}) {  // two inserts, a purge and a delete
      const AuditedLog log;
      log.damage(std::string("UPDATE crdt_ops SET ") + damage + " WHERE rowid = " + row);
      const AuditReport report = log.audit();
      INFO(damage << " in row " << row << ": " << codes(report));
      CHECK(report.findings[0].row == RowId{std::stoll(row)});
      // Warnings there may be: without the purge or delete the story is there again.
      CHECK(std::ranges::count(report.findings, Severity::error, &Finding::severity) == 1);
    }
  }
}

TEST_CASE("tampering: a damaged or lost erase is one finding, and what it erased no second one", "[audit]") {
  for (const char* damage : {"time_ms = 0", "kind = 2, name = 'stage'",
                             "target = (SELECT op_id FROM crdt_ops WHERE "
                             "rowid = 3)",
                             "signature = x'00'", "op_id = x'00'", "op_id = randomblob(32)"}) {
    const AuditedLog log;
    log.damage(std::string("UPDATE crdt_ops SET ") + damage + " WHERE rowid = 42");
    const AuditReport report = log.audit();
    INFO(damage << ": " << codes(report));
    CHECK(report.findings.size() == 1);
    CHECK(report.findings[0].row == RowId{42});
  }
  const AuditedLog deleted;
  deleted.damage("DELETE FROM crdt_ops WHERE rowid = 42");
  CHECK(codes(deleted.audit()) == "rowid-gap 42");
  // One row explains one op without content, and only one before it.
  const AuditedLog unreadable;
  unreadable.damage(
      "UPDATE crdt_ops SET signature = x'00' WHERE rowid = 42; UPDATE crdt_ops SET content = NULL, salt = NULL WHERE "
      "rowid IN (20, 46)");
  CHECK(codes(unreadable.audit()) == "content-missing 20, row-malformed 42, content-missing 46");
  const AuditedLog two;
  two.damage(
      "UPDATE crdt_ops SET time_ms = 0 WHERE rowid = 42; UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid "
      "IN (20, 46)");
  CHECK(codes(two.audit()) == "content-missing 20, id-mismatch 42, content-missing 46");
}

TEST_CASE("tampering: content is missing where the only erase of it had no right to drop it", "[audit]") {
  const auto [source, erased_later, eraser, expected] =
      GENERATE(table<const char*, bool, bool, const char*>({{"local", false, false, "content-missing 47"},
                                                            {"client", false, false, "content-missing 47"},
                                                            {"local", false, true, ""},
                                                            // Without its content it came in together with the erase.
                                                            {"import", false, false, "content-withheld 47"},
                                                            {"import", true, false, "content-missing 47"}}));
  CAPTURE(source, erased_later, eraser);
  const AuditedLog log;
  {
    const auto open = log.scratch().open();
    LogBuilder alice(*open, identity_of(1));
    LogBuilder bob(*open, identity_of(2));
    const OpId item = must(open->ops_at(identity_of(1).author(), OpIndex{1})).front();
    Draft secret{.kind = OpKind::set, .target = item, .name = "name", .content = R"("private")", .source = source};
    const OpId target = bob.add(secret);
    Draft erase{.kind = OpKind::erase, .target = target};
    if (erased_later) ++erase.received_ms;
    alice.add(erase);
    if (eraser) {
      const auto write = must(open->begin_write(std::chrono::seconds(10)));
      for (const bool may : {true, false}) {
        must(write->set_author(
            {kAuditNowMs, "root", "add", {identity_of(1).author(), "alice", Trust::allowed, may, std::nullopt}}));
      }
      must(write->commit());
    }
  }
  CHECK(codes(log.audit()).empty());
  log.damage("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 47");
  CHECK(codes(log.audit()) == expected);
}

TEST_CASE("tampering: a row of a table without ops that no musher wrote is found", "[audit]") {
  const auto [damage, code, field] = GENERATE(table<const char*, const char*, const char*>({
      {"INSERT INTO meta VALUES ('key', 'x')", "row-malformed", "meta"},
      {"DELETE FROM meta WHERE key = 'created_by'", "row-malformed", "meta"},
      {"UPDATE meta SET value = 'x' WHERE key = 'created_ms'", "row-malformed", "meta"},
      {"UPDATE meta SET value = -1 WHERE key = 'created_ms'", "row-malformed", "meta"},
      {"UPDATE meta SET value = 7 WHERE key = 'created_by'", "row-malformed", "meta"},
      {"UPDATE meta SET value = 0 WHERE key = 'format'", "row-malformed", "meta"},
      {"INSERT INTO sqlite_sequence VALUES ('heads', 7)", "derived-stale", "sqlite_sequence"},
      {"INSERT INTO sqlite_sequence VALUES ('trust_log', 2)", "derived-stale", "sqlite_sequence"},
      {"UPDATE sqlite_sequence SET seq = 'x' WHERE name = 'trust_log'", "derived-stale", "sqlite_sequence"},
      {"UPDATE sqlite_sequence SET seq = 3 WHERE name = 'trust_log'", "derived-stale", "trust_log"},
      {"UPDATE sqlite_sequence SET seq = 1 WHERE name = 'trust_log'", "derived-stale", "trust_log"},
      {"UPDATE trust_log SET id = 7 WHERE id = 2; UPDATE sqlite_sequence SET seq = 7 WHERE name = 'trust_log'",
       "derived-stale", "trust_log"},
      {"INSERT INTO quarantine VALUES (1, randomblob(32), 'bad_signature', 'import', 0, x'00', zeroblob(64), NULL, "
       "NULL, 1)",
       "row-malformed", "quarantine"},
      {"INSERT INTO checkpoints VALUES (NULL, 1, zeroblob(32), 1, zeroblob(32), zeroblob(32), zeroblob(64), 0)",
       "row-malformed", "checkpoints"},
  }));
  CAPTURE(damage);
  const AuditedLog log;
  log.damage(damage);
  const AuditReport report = log.audit();
  REQUIRE(report.verdict == AuditVerdict::findings);
  const Finding& finding = report.findings.front();
  CHECK(kind_of(finding.code).name == code);
  CHECK(finding.field == field);
  CHECK(report.findings.size() == 1);
}

TEST_CASE("tampering: each column of a row in quarantine is held against its op", "[audit]") {
  const AuditedLog log;
  {
    const auto open = log.scratch().open();
    const auto row = std::get<OpRow>(must(open->rows(std::vector{RowId{2}})).front());
    const auto write = must(open->begin_write(std::chrono::seconds(10)));
    must(write->quarantine_add({0, "bad_signature", "import", kAuditNowMs, canonical_bytes(row.op.op), row.op.signature,
                                row.op.content, row.op.salt}));
    must(write->commit());
  }
  REQUIRE(codes(log.audit()).empty());
  RawDatabase database(log.path());
  database.exec("CREATE TEMP TABLE kept AS SELECT * FROM quarantine");
  for (const char* change : {"op_id = randomblob(32)", "op_id = x'00'", "canonical = x'00'", "signature = x'00'",
                             "content = NULL", "content = 'x'", "salt = NULL", "salt = x'00'", "bytes = 7", "id = 2"}) {
    CAPTURE(change);
    database.exec(std::string("UPDATE quarantine SET ") + change);
    const AuditReport report = log.audit();
    CHECK(codes(report) == "row-malformed");
    CHECK(report.findings.front().field == "quarantine");
    database.exec("DELETE FROM quarantine; INSERT INTO quarantine SELECT * FROM kept");
  }
  CHECK(codes(log.audit()).empty());
}

TEST_CASE("tampering: two changed rows are two findings, whatever lies between them", "[audit]") {
  const AuditedLog log;
  log.damage(
      "UPDATE crdt_ops SET time_ms = 0 WHERE rowid IN (7, 31); UPDATE crdt_ops SET content = '7' WHERE rowid = 20");
  CHECK(codes(log.audit()) == "id-mismatch 7, digest-mismatch 20, id-mismatch 31");
}

TEST_CASE("tampering: a deleted row is a gap, and what named it is no second finding", "[audit]") {
  const AuditedLog log;
  log.damage("DELETE FROM crdt_ops WHERE rowid = 20");
  const AuditReport report = log.audit();
  REQUIRE(codes(report) == "rowid-gap 20");
  CHECK(report.findings[0].expected == "20");
  CHECK(report.findings[0].found == "21");
  CHECK(report.coverage.rows_checked == 45);
}

TEST_CASE("tampering: one lost row explains one missing op, not two", "[audit]") {
  const AuditedLog log;
  // Row 20 is lost; another op that row 30 names is lost too, but its row number was given to the last op.
  log.damage("DELETE FROM crdt_ops WHERE rowid IN (20, 29); UPDATE crdt_ops SET rowid = 29 WHERE rowid = 46");
  const std::string found = codes(log.audit());
  INFO(found);
  CHECK(found.find("rowid-gap 20") != std::string::npos);
  CHECK(found.find("dependency-missing") != std::string::npos);
}

TEST_CASE("tampering: a moved row is missing where it was and late where it is", "[audit]") {
  const AuditedLog log;
  log.damage(
      "UPDATE crdt_ops SET rowid = 100 WHERE rowid = 20; UPDATE sqlite_sequence SET seq = 100 WHERE name = 'crdt_ops'");
  const AuditReport report = log.audit();
  CHECK(codes(report) == "rowid-gap 20, rowid-gap 47, dependency-later 100");
}

TEST_CASE("tampering: two rows that changed places are found by who stands too late", "[audit]") {
  const AuditedLog log;
  log.damage(
      "UPDATE crdt_ops SET rowid = 1000 WHERE rowid = 20; UPDATE crdt_ops SET rowid = 20 WHERE rowid = 21;"
      "UPDATE crdt_ops SET rowid = 21 WHERE rowid = 1000; UPDATE sqlite_sequence SET seq = 46 WHERE name = 'crdt_ops'");
  CHECK(codes(log.audit()) == "dependency-later 21");
}

TEST_CASE("tampering: a row that is there twice is found, with the index that kept it out gone", "[audit]") {
  const AuditedLog log;
  log.damage(
      "DROP INDEX crdt_ops_op_id; CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 20;"
      "UPDATE twin SET rowid = 47; INSERT INTO crdt_ops SELECT * FROM twin");
  const AuditReport report = log.audit();
  INFO(codes(report));
  CHECK(codes(report).starts_with("schema-altered"));
  CHECK(codes(report).find("index-back 47") != std::string::npos);
}

TEST_CASE("tampering: a copy of a row under an id of its own is no op", "[audit]") {
  const AuditedLog log;
  log.damage(
      "CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 20;"
      "UPDATE twin SET rowid = 47, op_id = randomblob(32); INSERT INTO crdt_ops SELECT * FROM twin");
  CHECK(codes(log.audit()).find("id-mismatch 47") != std::string::npos);
}

TEST_CASE("tampering: a forged row has a signature that does not hold, and makes nobody an equivocator", "[audit]") {
  const AuditedLog log;
  {
    const auto open = log.scratch().open();
    OpRow forged = std::get<OpRow>(must(open->rows(std::vector{RowId{45}})).at(0));
    forged.op.op.time_ms += 1;  // the same prev as row 45's: with a good signature it would be a second branch
    const auto id = Verifier(open->info().document).check_unsigned(forged.op);
    REQUIRE(id);
    log.damage(
        "CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 45;"
        "UPDATE twin SET rowid = 47, time_ms = time_ms + 1, op_id = x'" +
        to_hex(id->hash) + "'; INSERT INTO crdt_ops SELECT * FROM twin");
  }
  const std::string found = codes(log.audit());
  INFO(found);
  CHECK(found.find("signature-invalid 47") != std::string::npos);
  CHECK(found.find("equivocation") == std::string::npos);
}

TEST_CASE("tampering: a row below the first, which no reader sees, is found", "[audit]") {
  const AuditedLog log;
  log.damage(
      "CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 20; UPDATE twin SET rowid = -3, op_id = "
      "randomblob(32);"
      "INSERT INTO crdt_ops SELECT * FROM twin; UPDATE sqlite_sequence SET seq = 46 WHERE name = 'crdt_ops'");
  const AuditReport report = log.audit();
  CHECK(codes(report) == "row-malformed -3");
  CHECK(report.coverage.rows == 47);
  CHECK(report.coverage.rows_checked == 47);
}

TEST_CASE("tampering: so is the lowest row that there can be", "[audit]") {
  const AuditedLog log;
  log.damage(
      "CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 20; UPDATE twin SET rowid = "
      "-9223372036854775807 - 1, op_id = randomblob(32);"
      "INSERT INTO crdt_ops SELECT * FROM twin; UPDATE sqlite_sequence SET seq = 46 WHERE name = 'crdt_ops'");
  const AuditReport report = log.audit();
  CHECK(codes(report) == "row-malformed -9223372036854775808");
  CHECK(report.coverage.rows_checked == 47);
}

TEST_CASE("tampering: what is read before the rows is of one instant, whoever writes meanwhile", "[audit]") {
  const AuditedLog log;
  const auto reader = log.scratch().open(OpenMode::read);
  must(reader->at_one_instant([&]() -> Result<void> {
    CHECK(must(reader->last_row()) == RowId{46});
    log.write_on(3);
    CHECK(must(reader->last_row()) == RowId{46});
    CHECK(must(reader->marks()).back().row == RowId{46});
    return {};
  }));
  CHECK(must(reader->last_row()) == RowId{49});
}

TEST_CASE("tampering: a row moved to the end of all numbers is found, and costs no time", "[audit]") {
  const AuditedLog log;
  log.damage(
      "UPDATE crdt_ops SET rowid = 9223372036854775807 WHERE rowid = 46; UPDATE sqlite_sequence SET seq = "
      "9223372036854775807 WHERE name = 'crdt_ops'");
  const std::string found = codes(log.audit());
  INFO(found);
  CHECK(found.starts_with("rowid-gap 46"));  // and the marks, which still say 46, may be found stale
}
