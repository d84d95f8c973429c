// The log's file is renamed, replaced, deleted or given a second name while a writer has it open: not one op is
// acknowledged into a file that nobody will read.

#include <catch2/catch.hpp>

#include <filesystem>
#include <functional>

#include "oplog/companions.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kWait{1};

struct Change {
  const char* name;
  std::function<void(const ScratchLog&)> happen;
  std::string what;  ///< of the error, after the log's path
};

void replace(const ScratchLog& scratch) {
  const fs::path other = scratch.folder() / "other.db";
  must(SqliteOpLog::create(other, {.document = test_document()}));
  fs::rename(other, scratch.path());
}

std::vector<Change> changes() {
  return {
      {"renamed", [](const ScratchLog& log) { fs::rename(log.path(), log.folder() / "old.db"); },
       " was renamed or deleted while it was open here; nothing was written"},
      {"deleted", [](const ScratchLog& log) { fs::remove(log.path()); },
       " was renamed or deleted while it was open here; nothing was written"},
      {"replaced", replace, " was replaced by another file while it was open here; nothing was written"},
      {"folder renamed",
       [](const ScratchLog& log) { fs::rename(log.folder().path(), log.folder().path().string() + ".moved"); },
       " was renamed or deleted while it was open here; nothing was written"},
      {"hard-linked", [](const ScratchLog& log) { fs::create_hard_link(log.path(), log.folder() / "second.db"); },
       " has 2 names (hard links)"},
      {"-wal removed", [](const ScratchLog& log) { fs::remove(log.companion("-wal")); },
       "-wal was removed or replaced while the log was open here; nothing was written"},
      {"-shm removed", [](const ScratchLog& log) { fs::remove(log.companion("-shm")); },
       "-shm was removed or replaced while the log was open here; nothing was written"},
      {"-wal replaced",
       [](const ScratchLog& log) {
         fs::rename(log.companion("-wal"), log.folder() / "old-wal");
         fs::copy_file(log.folder() / "old-wal", log.companion("-wal"));
       },
       "-wal was removed or replaced while the log was open here; nothing was written"},
  };
}

/// What the folder test moved away comes back, so that it is removed.
void undo(const ScratchLog& scratch) {
  const fs::path moved = scratch.folder().path().string() + ".moved";
  if (fs::exists(moved)) fs::rename(moved, scratch.folder().path());
}

}  // namespace

TEST_CASE("moved: a change of the file inside a transaction is seen before its commit, and nothing is written",
          "[oplog]") {
  for (const Change& change : changes()) {
    CAPTURE(change.name);
    const ScratchLog scratch;
    {
      const auto log = scratch.open();
      LogBuilder(*log, identity_of(1)).insert("before");
      auto write = must(log->begin_write(kWait));
      must(append_op(*write, identity_of(1), {.name = "lost", .content = "{}"}));
      change.happen(scratch);
      const auto committed = write->commit();
      REQUIRE_FALSE(committed);
      CHECK(committed.error().code == Errc::refused);
      CHECK(committed.error().what.find(scratch.path().string()) != std::string::npos);
      CHECK(committed.error().what.find(change.what) != std::string::npos);
      CHECK_FALSE(committed.error().hint.empty());
      CHECK(must(log->count()) == 1);
    }
    undo(scratch);
  }
}

TEST_CASE("moved: a change of the file between two transactions is seen by the second", "[oplog]") {
  for (const Change& change : changes()) {
    CAPTURE(change.name);
    const ScratchLog scratch;
    {
      const auto log = scratch.open();
      LogBuilder(*log, identity_of(1)).insert("before");
      change.happen(scratch);
      const auto write = log->begin_write(kWait);
      REQUIRE_FALSE(write);
      CHECK(write.error().code == Errc::refused);
      CHECK(write.error().what.find(change.what) != std::string::npos);
    }
    undo(scratch);
  }
}

TEST_CASE("moved: no lock file is left where the log is not any more", "[oplog]") {
  const ScratchLog scratch;
  {
    const auto log = scratch.open();
    fs::rename(scratch.path(), scratch.folder() / "old.db");
    fs::remove(scratch.companion(".lock"));
    CHECK_FALSE(log->begin_write(kWait));
  }
  CHECK_FALSE(fs::exists(scratch.companion(".lock")));
}

TEST_CASE("hard link: refused for writing whichever name is used, read through both", "[oplog]") {
  const ScratchLog scratch;
  {
    const auto log = scratch.open();
    LogBuilder(*log, identity_of(1)).insert("478");
  }
  const fs::path second = scratch.folder() / "second.db";
  fs::create_hard_link(scratch.path(), second);
  for (const fs::path& path : {scratch.path(), second}) {
    const auto writer = SqliteOpLog::open(path, OpenMode::write);
    REQUIRE_FALSE(writer);
    CHECK(writer.error().code == Errc::refused);
    CHECK(writer.error().what.find("has 2 names (hard links)") != std::string::npos);
    CHECK(writer.error().hint == "find " + scratch.folder().path().string() + " -xdev -samefile " + path.string());
    CHECK(must(must(SqliteOpLog::open(path, OpenMode::read))->count()) == 1);
  }
  fs::remove(second);
  CHECK(scratch.open());
}

TEST_CASE("symbolic link: the log's real name is used for everything beside it", "[oplog]") {
  const ScratchLog scratch;
  const TempFolder elsewhere;
  fs::create_symlink(scratch.path(), elsewhere / "link.db");
  {
    const auto log = must(SqliteOpLog::open(elsewhere / "link.db", OpenMode::write));
    CHECK(log->info().path == scratch.path().string());
    LogBuilder(*log, identity_of(1)).insert("478");
    CHECK(fs::exists(scratch.companion("-wal")));
    const auto other = scratch.open();
    const auto write = must(log->begin_write(kWait));
    CHECK(other->begin_write(std::chrono::milliseconds(0)).error().code == Errc::busy);  // one lock for both names
  }
  CHECK(std::distance(fs::directory_iterator(elsewhere.path()), {}) == 1);
  fs::remove(elsewhere / "link.db");
  fs::create_symlink("link.db", elsewhere / "link.db");
  const auto loop = SqliteOpLog::open(elsewhere / "link.db", OpenMode::read);
  REQUIRE_FALSE(loop);
  CHECK(loop.error().code == Errc::io);
}

TEST_CASE("moved: a link in the place of -wal or -shm is nobody's reason to change another file's mode", "[oplog]") {
  const ScratchLog scratch;
  fs::permissions(scratch.path(), fs::perms(0644));
  const fs::path victim = scratch.folder() / "victim";
  write_file(victim, "mine");
  fs::permissions(victim, fs::perms(0600));
  const std::string suffix = GENERATE("-wal", "-shm");
  const LogFile file = must(check_log_file(scratch.path(), OpenMode::write));
  SECTION("a symbolic link") { fs::create_symlink(victim, scratch.companion(suffix)); }
  SECTION("a second name") { fs::create_hard_link(victim, scratch.companion(suffix)); }
  Companions::follow_log(file);
  CHECK(fs::status(victim).permissions() == fs::perms(0600));
}

TEST_CASE("moved: the companions of a log get its mode", "[oplog]") {
  const ScratchLog scratch;
  fs::permissions(scratch.path(), fs::perms(0640));
  write_file(scratch.companion("-wal"), "");
  fs::permissions(scratch.companion("-wal"), fs::perms(0600));
  Companions::follow_log(must(check_log_file(scratch.path(), OpenMode::write)));
  CHECK(fs::status(scratch.companion("-wal")).permissions() == fs::perms(0640));
}
