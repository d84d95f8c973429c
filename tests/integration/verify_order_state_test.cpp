// What only a note outside the log can show, and the note itself.

#include <fmt/format.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "audit/state_file.hpp"
#include "model/text.hpp"
#include "support/audited_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace fs = std::filesystem;

namespace {

/// A log that was checked once: its state is there.
struct CheckedLog : AuditedLog {
  CheckedLog() {
    const AuditReport report = audit_with_state();
    REQUIRE(report.verdict == AuditVerdict::ok);
    REQUIRE(report.state_written);
  }
  [[nodiscard]] fs::path key() const { return state().string() + ".key"; }
};

}  // namespace

TEST_CASE("state: the first run says so and makes a key that only its owner can read", "[audit]") {
  const AuditedLog log;
  const AuditReport report = log.audit_with_state();
  CHECK(report.coverage.state == StateOutcome::first_run);
  CHECK(report.verdict == AuditVerdict::ok);
  CHECK(report.state_written);
  CHECK(fs::status(log.state().string() + ".key").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::status(log.state()).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("state: a state that is gone beside its key is no first run", "[audit]") {
  const CheckedLog log;
  fs::remove(log.state());
  const AuditReport report = log.audit_with_state();
  CHECK(report.verdict == AuditVerdict::incomplete);
  CHECK(report.coverage.state == StateOutcome::failed);
  CHECK_FALSE(report.state_written);
  REQUIRE(report.coverage.state_problem);
  CHECK(report.coverage.state_problem->what.find("is gone and its key is there") != std::string::npos);
  CHECK(report.coverage.state_problem->hint.find(log.key().string()) != std::string::npos);
  fs::remove(log.key());
  fs::remove(log.key().string() + ".pub");
  CHECK(log.audit_with_state().coverage.state == StateOutcome::first_run);
}

TEST_CASE("state: a run that cannot be noted leaves no key behind, which would mean that one was", "[audit]") {
  const AuditedLog log;
  const fs::path in_the_way = fmt::format("{}.{}.new", log.state().string(), ::getpid());
  fs::create_directories(in_the_way / "full");
  const auto open = log.scratch().open(OpenMode::read);
  AuditRequest request;
  request.now_ms = kAuditNowMs;
  request.state = log.state();
  CHECK_FALSE(verify_order(*open, request));
  fs::remove_all(in_the_way);
  CHECK(log.audit_with_state().coverage.state == StateOutcome::first_run);
}

TEST_CASE("state: a log whose id was changed is known by its rows, and another log of its document is told",
          "[audit]") {
  const CheckedLog log;
  const auto under_another_name = [&] {
    return log.audit([&](AuditRequest& request) {
      request.state = log.scratch().folder() / "other.state";
      request.checks.reset(static_cast<std::size_t>(Check::derived));  // the marks say so too, if they were left
    });
  };
  CHECK(under_another_name().coverage.states_of_other_logs == 0);
  log.damage("UPDATE meta SET value = randomblob(16) WHERE key = 'log'");
  const AuditReport renamed = under_another_name();
  CHECK(codes(renamed) == "row-replaced");
  CHECK(renamed.findings.front().field == "meta");
  CHECK(renamed.coverage.state == StateOutcome::first_run);
  CHECK(renamed.coverage.states_of_other_logs == 1);
  log.damage("UPDATE crdt_ops SET received_ms = received_ms + 1 WHERE rowid = 1");  // as a replica would have it
  const AuditReport other = under_another_name();
  CHECK(codes(other).empty());
  CHECK(other.coverage.states_of_other_logs == 1);
}

TEST_CASE("state: the second run compares, takes the signatures it knows from it, and counts", "[audit]") {
  const CheckedLog log;
  log.write_on(3);
  const AuditReport report = log.audit_with_state();
  CHECK(report.coverage.state == StateOutcome::matched);
  CHECK(report.coverage.signatures_from_checkpoint == 46);
  CHECK(report.coverage.signatures_checked == 3);
  CHECK(report.coverage.checks_skipped.empty());
  const auto mark = must(read_state(log.state(), log.scratch().open(OpenMode::read)->info().log));
  REQUIRE(mark);
  CHECK(mark->runs == 2);
  CHECK(mark->row == RowId{49});
  CHECK(mark->ops == 49);
}

TEST_CASE("state: --full checks every signature again", "[audit]") {
  const CheckedLog log;
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.full = true;
  });
  CHECK(report.coverage.signatures_checked == 46);
  CHECK(report.coverage.signatures_from_checkpoint == 0);
  CHECK(report.coverage.state == StateOutcome::matched);
}

TEST_CASE("state: a signature changed since the last run is found though it was checked then", "[audit]") {
  const CheckedLog log;
  log.damage("UPDATE crdt_ops SET signature = randomblob(64) WHERE rowid = 20");
  const AuditReport report = log.audit_with_state();
  CHECK(codes(report).find("signature-invalid 20") != std::string::npos);
  CHECK(report.coverage.state == StateOutcome::failed);
  CHECK(report.coverage.signatures_from_checkpoint == 0);
}

TEST_CASE("state: what another check would report is no excuse where that check is left out", "[audit]") {
  const auto after = [](const std::string& sql, std::initializer_list<Check> checks) {
    const CheckedLog log;
    log.damage(sql);
    const AuditReport report = log.audit([&](AuditRequest& request) {
      request.state = log.state();
      request.checks.reset();
      for (const Check check : checks) request.checks.set(static_cast<std::size_t>(check));
    });
    INFO(sql);
    CHECK(report.verdict == AuditVerdict::findings);
    CHECK_FALSE(report.state_written);
    return codes(report);
  };
  CHECK(after("DELETE FROM crdt_ops WHERE rowid = 5", {Check::state}) == "row-replaced 5");
  CHECK(after("DELETE FROM crdt_ops WHERE rowid = 46", {Check::state}) == "log-rolled-back 45");
  CHECK(after("UPDATE crdt_ops SET signature = x'00' WHERE rowid = 5", {Check::state}) == "row-replaced 5");
  CHECK(after("UPDATE crdt_ops SET source = 'x' WHERE rowid = 5", {Check::state}) == "row-replaced 5");
  CHECK(after("UPDATE meta SET value = randomblob(16) WHERE key = 'document'", {Check::state}) == "wrong-document");
  CHECK(after("DELETE FROM crdt_ops WHERE rowid = 5", {Check::derived}) == "derived-stale 2, derived-stale 46");
  CHECK(after("UPDATE crdt_ops SET signature = x'00' WHERE rowid = 5", {Check::derived}) ==
        "derived-stale 2, derived-stale 46");
  // With the check that reports the cause, there is one finding.
  CHECK(after("DELETE FROM crdt_ops WHERE rowid = 5", {Check::state, Check::order, Check::derived}) == "rowid-gap 5");
}

TEST_CASE("state: a row that cannot be believed is not ok where nobody may say so", "[audit]") {
  const AuditedLog log;
  log.damage("UPDATE crdt_ops SET time_ms = 0 WHERE rowid = 5");
  const AuditReport report = log.audit([](AuditRequest& request) {
    request.checks.reset();
    request.checks.set(static_cast<std::size_t>(Check::author));
  });
  CHECK(codes(report).empty());
  CHECK(report.coverage.rows_not_judged == 1);
  CHECK(report.verdict == AuditVerdict::incomplete);
}

TEST_CASE("state: a comparison that failed is never ok, whichever checks are left out", "[audit]") {
  for (std::size_t i = 0; i < kChecks; ++i) {
    const CheckedLog log;
    log.damage("DELETE FROM crdt_ops WHERE rowid = 5");
    const AuditReport report = log.audit([&](AuditRequest& request) {
      request.state = log.state();
      request.checks.reset();
      request.checks.set(static_cast<std::size_t>(Check::state));
      request.checks.set(i);
    });
    INFO(to_string(Check{static_cast<std::uint8_t>(i)}));
    CHECK(report.coverage.state == StateOutcome::failed);
    CHECK(report.verdict != AuditVerdict::ok);
  }
  const CheckedLog log;  // and where nothing wanted has a finding
  log.damage("UPDATE trust_log SET trust = 'perhaps' WHERE id = 1");
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.checks = CheckSet{}.set(static_cast<std::size_t>(Check::state));
  });
  CHECK(codes(report).empty());
  CHECK(report.coverage.state == StateOutcome::failed);
  CHECK(report.verdict == AuditVerdict::incomplete);
}

TEST_CASE("state: a run that was cut short says that nothing was compared, and raises no alarm", "[audit]") {
  const CheckedLog log;
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.max_duration = std::chrono::milliseconds{0};
  });
  CHECK(report.verdict == AuditVerdict::incomplete);
  CHECK(report.coverage.state == StateOutcome::none);
  CHECK(report.coverage.state_not_compared == "the time was up");
  CHECK(report.coverage.signatures_from_checkpoint == 0);
  CHECK(report.coverage.rows == 46);
  CHECK_FALSE(report.state_written);
}

TEST_CASE("state: signatures that are believed for the last run's sake accuse nobody once its rows differ", "[audit]") {
  const CheckedLog log;
  std::string forged_id;
  {
    const auto open = log.scratch().open();
    OpRow forged = std::get<OpRow>(must(open->rows(std::vector{RowId{45}})).at(0));
    forged.op.op.time_ms += 1;  // the same prev as row 45's: with a good signature it would be a second branch
    forged_id = to_hex(Verifier(open->info().document).check_unsigned(forged.op)->hash);
  }
  log.damage(
      "CREATE TEMP TABLE twin AS SELECT * FROM crdt_ops WHERE rowid = 45;"
      "UPDATE twin SET rowid = 46, time_ms = time_ms + 1, op_id = x'" +
      forged_id + "'; DELETE FROM crdt_ops WHERE rowid = 46; INSERT INTO crdt_ops SELECT * FROM twin");
  const AuditReport report = log.audit_with_state();
  INFO(codes(report));
  CHECK(codes(report).find("signature-invalid 46") != std::string::npos);
  CHECK(codes(report).find("equivocation") == std::string::npos);
  CHECK(report.coverage.signatures_checked == 46);
  CHECK(report.coverage.signatures_from_checkpoint == 0);
  CHECK(report.coverage.rows_checked == 46);
}

TEST_CASE("state: marks that go on fitting behind a changed row do not vouch for it", "[audit]") {
  const AuditedLog log;
  log.write_on(600);  // three marks: the first stretch is changed, the others fit each other
  REQUIRE(log.audit_with_state().state_written);
  log.damage("UPDATE crdt_ops SET signature = randomblob(64) WHERE rowid = 20");
  const AuditReport report = log.audit_with_state();
  CHECK(codes(report) == "signature-invalid 20");
  CHECK(report.coverage.state == StateOutcome::failed);
  CHECK(report.coverage.signatures_from_checkpoint == 0);
  CHECK(report.coverage.signatures_checked == 646);
}

TEST_CASE("state: a run that finds a later one noted leaves it, and says so", "[audit]") {
  const CheckedLog log;
  const LogId id = log.scratch().open(OpenMode::read)->info().log;
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.on_progress = [&](std::uint64_t) {  // another run, which saw more rows, ends meanwhile
      auto later = must(read_state(log.state(), id));
      later->row = RowId{99};
      CHECK(must(write_state(log.state(), *later)));
    };
  });
  CHECK(report.verdict == AuditVerdict::ok);
  CHECK_FALSE(report.state_written);
  CHECK(must(read_state(log.state(), id))->row == RowId{99});
}

TEST_CASE("state: with nothing to compare with, the check state alone has checked nothing", "[audit]") {
  const AuditedLog log;
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.checks = CheckSet{}.set(static_cast<std::size_t>(Check::state));
  });
  CHECK(report.verdict == AuditVerdict::incomplete);
  const auto open = log.scratch().open(OpenMode::read);
  AuditRequest none;
  none.checks = CheckSet{}.set(static_cast<std::size_t>(Check::state));
  CHECK(verify_order(*open, none).error().code == Errc::usage);
}

TEST_CASE("state: what is not a regular file is never replaced, and no folder is made for a name", "[audit]") {
  const AuditedLog log;
  const fs::path target = log.scratch().folder() / "target";
  write_file(target, "precious");
  fs::create_symlink(target, log.scratch().folder() / "link");
  fs::create_directory(log.scratch().folder() / "folder");
  const auto error = [&](const fs::path& file) {
    const auto open = log.scratch().open(OpenMode::read);
    AuditRequest request;
    request.state = file;
    const auto report = verify_order(*open, request);
    REQUIRE_FALSE(report);
    CHECK(report.error().code == Errc::io);
    CHECK(report.error().hint.find("--state") != std::string::npos);
    return report.error().what;
  };
  CHECK(error(log.scratch().folder() / "link").find("a symbolic link") != std::string::npos);
  CHECK(error(log.scratch().folder() / "folder").find("a folder") != std::string::npos);
  CHECK(error(log.scratch().folder() / "no" / "such" / "file").find("No such file") != std::string::npos);
  CHECK(read_file(target) == "precious");
  CHECK_FALSE(fs::exists(log.scratch().folder() / "no"));
  const AuditReport made = log.audit([&](AuditRequest& request) {
    request.state = log.scratch().folder() / "own" / "folder" / "a.state";
    request.state_folder = StateFolder::make;
  });
  CHECK(made.state_written);
}

TEST_CASE("state: a tail cut off with every trace in the file shows", "[audit]") {
  const CheckedLog log;
  log.damage(
      "DELETE FROM crdt_ops WHERE rowid > 40; UPDATE sqlite_sequence SET seq = 40 WHERE name = 'crdt_ops'; DELETE FROM "
      "heads; DELETE FROM "
      "tips; DELETE FROM marks");
  log.write_on(0);
  const AuditReport report = log.audit_with_state();
  INFO(codes(report));
  CHECK(codes(report).find("log-rolled-back 40") != std::string::npos);
  CHECK(report.coverage.state == StateOutcome::failed);
}

TEST_CASE("state: an older copy of the whole file shows, and again after it was written to", "[audit]") {
  const AuditedLog log;
  const TempFolder backup;
  RawDatabase(log.path()).exec("VACUUM INTO '" + (backup / "old.db").string() + "'");
  log.write_on(10);
  REQUIRE(log.audit_with_state().state_written);

  fs::copy_file(backup / "old.db", log.path(), fs::copy_options::overwrite_existing);
  fs::remove(log.path().string() + "-wal");
  fs::remove(log.path().string() + "-shm");
  AuditReport report = log.audit_with_state();
  REQUIRE(codes(report) == "log-rolled-back 46");
  CHECK(report.findings[0].expected == "56");
  CHECK(report.findings[0].found == "46");
  CHECK_FALSE(report.state_written);

  log.write_on(12);
  report = log.audit_with_state();
  REQUIRE(codes(report) == "log-rolled-back 47");
  CHECK(report.findings[0].message.find("from row 47 on") != std::string::npos);
}

TEST_CASE("state: a local column changed with the marks made to fit is found to the row", "[audit]") {
  const CheckedLog log;
  // What a careful intruder does: the next writer rebuilds heads, tips and marks from the rows as they are.
  log.damage("UPDATE crdt_ops SET source = 'peer:somebody' WHERE rowid = 20; DELETE FROM marks");
  log.write_on(1);
  CHECK(codes(log.audit()).empty());
  const AuditReport report = log.audit_with_state();
  REQUIRE(codes(report) == "row-replaced 20");
  CHECK(report.coverage.state == StateOutcome::failed);
  CHECK(report.findings[0].hint.ends_with(
      fmt::format("begin anew: rm -f {} {}", log.state().native(), log.key().native())));
  const AuditReport partial = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.checks.reset(static_cast<std::size_t>(Check::order));
  });
  REQUIRE(codes(partial) == "row-replaced 20");
  CHECK(partial.findings[0].hint.find("rm") == std::string::npos);  // whether every op is there was not asked
}

TEST_CASE("state: a trust log that was rewritten is found, and one that only grew is not", "[audit]") {
  const CheckedLog log;
  log.damage(
      "INSERT INTO trust_log (at_ms, who, action, author, name, trust, eraser) SELECT at_ms, who, action, author, "
      "name, trust, eraser "
      "FROM trust_log WHERE id = 2");
  CHECK(log.audit_with_state().coverage.state == StateOutcome::matched);
  log.damage("UPDATE trust_log SET who = 'nobody' WHERE id = 1");
  const AuditReport report = log.audit_with_state();
  REQUIRE(codes(report) == "row-replaced");
  CHECK(report.findings[0].field == "trust_log");
  CHECK(report.findings[0].hint.starts_with("musher trust list --log "));
  CHECK(report.findings[0].hint.find("begin anew: rm -f " + log.state().native()) != std::string::npos);
}

TEST_CASE("state: a change of trust since the last run is shown once, with who made it and when", "[audit]") {
  const std::string stranger = "INSERT INTO authors (author, name, trust, eraser) VALUES (x'" + std::string(64, 'a') +
                               "', 'mallory', 'allowed', 1);";
  const CheckedLog log;
  CHECK(log.audit_with_state().coverage.trust_changes->empty());
  log.damage(stranger +
             "INSERT INTO trust_log (at_ms, who, action, author, name, trust, eraser) SELECT 1234, 'somebody', 'add', "
             "author, name, trust, eraser FROM authors WHERE name = 'mallory'");
  const AuditReport report = log.audit_with_state();
  CHECK(report.verdict == AuditVerdict::ok);
  REQUIRE(report.coverage.trust_changes);
  REQUIRE(report.coverage.trust_changes->size() == 1);
  CHECK(report.coverage.trust_changes->at(0).who == "somebody");
  CHECK(report.coverage.trust_changes->at(0).at_ms == 1234);
  CHECK(report.coverage.trust_changes->at(0).after.name == "mallory");
  CHECK(log.audit_with_state().coverage.trust_changes->empty());
  CHECK_FALSE(log.audit().coverage.trust_changes);

  // Trust that the trust log does not tell of is an error, with and without a state.
  for (const std::string& damage : {stranger, std::string("DELETE FROM authors WHERE name = 'bob'"),
                                    std::string("UPDATE authors SET trust = 'revoked' WHERE name = 'bob'"),
                                    std::string("UPDATE authors SET eraser = 1 WHERE name = 'bob'"),
                                    std::string("UPDATE authors SET name = 'mallory' WHERE name = 'bob'")}) {
    const CheckedLog changed;
    changed.damage(damage);
    INFO(damage);
    const AuditReport found = changed.audit_with_state();
    CHECK(codes(found).find("derived-stale") != std::string::npos);
    CHECK(found.verdict == AuditVerdict::findings);
    CHECK_FALSE(found.state_written);
  }
}

TEST_CASE("state: a run with an error, a partial run and one with a warning move it as far as they may", "[audit]") {
  const CheckedLog log;
  const auto row_noted = [&] {
    return must(read_state(log.state(), log.scratch().open(OpenMode::read)->info().log))->row;
  };
  log.write_on(1);
  CHECK_FALSE(log.audit([&](AuditRequest& request) {
                   request.state = log.state();
                   request.checks.reset(static_cast<std::size_t>(Check::clock));
                 })
                  .state_written);
  CHECK(row_noted() == RowId{46});
  log.damage("UPDATE crdt_ops SET depth = depth + 1 WHERE rowid = 47");
  CHECK_FALSE(log.audit_with_state().state_written);
  CHECK(row_noted() == RowId{46});
  log.damage("UPDATE crdt_ops SET depth = depth - 1 WHERE rowid = 47");
  const AuditReport warned = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.now_ms = 0;  // every row was received in the future
  });
  CHECK(codes(warned) == "clock-ahead 1");
  CHECK(warned.state_written);
  CHECK(row_noted() == RowId{47});
}

TEST_CASE("state: it is never moved back by a run that began earlier", "[audit]") {
  const CheckedLog log;
  const LogId id = log.scratch().open(OpenMode::read)->info().log;
  auto earlier = must(read_state(log.state(), id));
  REQUIRE(earlier);
  earlier->row = RowId{45};
  must(write_state(log.state(), *earlier));
  CHECK(must(read_state(log.state(), id))->row == RowId{46});
}

TEST_CASE("state: a changed, cut, foreign or keyless file is a problem that is named, never a first run", "[audit]") {
  const CheckedLog log;
  const std::string good = read_file(log.state());
  const auto problem = [&] {
    const AuditReport report = log.audit_with_state();
    CHECK(report.verdict == AuditVerdict::incomplete);
    CHECK(report.coverage.state == StateOutcome::failed);
    CHECK_FALSE(report.state_written);
    CHECK(report.coverage.rows_checked == 46);
    REQUIRE(report.coverage.state_problem);
    CHECK_FALSE(report.coverage.state_problem->hint.empty());
    return report.coverage.state_problem->what;
  };
  const auto contains = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };

  std::string changed = good;
  changed.replace(changed.find("row 46"), 6, "row 40");
  write_file(log.state(), changed);
  CHECK(contains(problem(), "was not signed with"));
  for (const std::size_t length : {std::size_t{0}, std::size_t{10}, good.size() / 2, good.size() - 1}) {
    write_file(log.state(), good.substr(0, length));
    CHECK(contains(problem(), log.state().string()));
  }
  write_file(log.state(), "a text file\nkey to nothing\n");
  CHECK(contains(problem(), "is not a state file"));

  write_file(log.state(), good);
  const CheckedLog other;
  fs::copy_file(other.state(), log.state(), fs::copy_options::overwrite_existing);
  CHECK(contains(problem(), "was not signed with"));
  const std::string key = read_file(log.key());
  write_file(log.key(), read_file(other.key()));
  CHECK(contains(problem(), "belongs to the log"));

  write_file(log.state(), good);
  CHECK(contains(problem(), "was not signed with"));
  fs::remove(log.key());
  CHECK(contains(problem(), "it is gone"));
  write_file(log.key(), key);
  fs::permissions(log.key(), fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  CHECK(contains(problem(), "group or others may use it"));
  fs::permissions(log.key(), fs::perms::owner_read | fs::perms::owner_write);
  CHECK(log.audit_with_state().coverage.state == StateOutcome::matched);
}

TEST_CASE("state: --require-state without one is incomplete and makes none", "[audit]") {
  const AuditedLog log;
  const AuditReport report = log.audit([&](AuditRequest& request) {
    request.state = log.state();
    request.require_state = true;
  });
  CHECK(report.verdict == AuditVerdict::incomplete);
  CHECK(report.coverage.state == StateOutcome::first_run);
  REQUIRE(report.coverage.state_problem);
  CHECK(report.coverage.state_problem->code == Errc::incomplete);
  CHECK_FALSE(fs::exists(log.state()));
}

TEST_CASE("state: a folder that cannot be made is an error that says what to do", "[audit]") {
  const AuditedLog log;
  const auto open = log.scratch().open(OpenMode::read);
  AuditRequest request;
  request.now_ms = kAuditNowMs;
  request.state = "/proc/musher/a.state";
  const auto report = verify_order(*open, request);
  REQUIRE_FALSE(report);
  CHECK(report.error().code == Errc::io);
  CHECK(report.error().hint.find("--state") != std::string::npos);
}
