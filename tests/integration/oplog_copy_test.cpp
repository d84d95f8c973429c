// Reading leaves the log as it was, and works where SQLite could not make its own files.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>

#include "support/process.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kNobody = 65534;

/// Everything a reader does.
void read_everything(SqliteOpLog& log) {
  must(log.last_row());
  must(log.count());
  for (const OpRow& row : all_rows(log)) {
    must(log.find(row.id));
    must(log.facts(row.id));
    must(log.scan_story(row.op.op.name, row.row, StoryPart::all, [](const ScannedRow&) { return true; }));
  }
  must(log.story_ids());
  must(log.heads());
  must(log.tips());
  must(log.marks());
  must(log.last_mark());
  must(log.authors());
  must(log.trust_changes());
  must(log.quarantine());
  must(log.integrity_problems());
  must(log.schema_differences());
  must(log.row_at(0));
  must(log.file_sizes());
}

/// A log with two ops in the database, and two more in a -wal that a killed writer left.
void leave_wal_behind(const ScratchLog& scratch) {
  {
    const auto log = scratch.open();
    LogBuilder builder(*log, identity_of(1));
    builder.insert("one");
    builder.insert("two");
  }
  Child writer = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    LogBuilder builder(*log, identity_of(1));
    builder.insert("three");
    builder.insert("four");
    voice.say("written");
    pause();
    return 0;
  });
  REQUIRE(writer.read_line() == "written");
  writer.signal(SIGKILL);
  writer.wait();
  REQUIRE(fs::file_size(scratch.companion("-wal")) > 0);
}

std::vector<std::string> stories(LogReader& log) {
  std::vector<std::string> names;
  for (const OpRow& row : all_rows(log)) names.push_back(row.op.op.name);
  return names;
}

/// Copies that some process left in $TMPDIR.
std::size_t copies_left(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    count += entry.path().filename().string().starts_with("musher-copy-");
  return count;
}

const std::vector<std::string> kFour{"one", "two", "three", "four"};

}  // namespace

TEST_CASE("reading: changes no byte of the log, its -wal or its lock file", "[oplog]") {
  const ScratchLog scratch;
  SECTION("of a log that was closed") {
    const auto log = scratch.open();
    LogBuilder builder(*log, identity_of(1));
    builder.set(builder.insert("478"), "stage", "\"2\"");
  }
  SECTION("of a log whose -wal was left by a killed writer") { leave_wal_behind(scratch); }
  const auto bytes = [&] {
    return std::vector{read_file(scratch.path()), read_file(scratch.companion("-wal")),
                       read_file(scratch.companion(".lock"))};
  };
  const auto before = bytes();
  const auto times = [&] {
    return std::pair(fs::last_write_time(scratch.path()), fs::last_write_time(scratch.companion(".lock")));
  };
  const auto times_before = times();
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_copy}) {
    {
      const auto log = scratch.open(mode);
      read_everything(*log);
    }
    CHECK(bytes() == before);
    CHECK(times() == times_before);
  }
}

TEST_CASE("a -wal left by a killed writer: a reader sees what it acknowledged, and so does the next writer",
          "[oplog]") {
  const ScratchLog scratch;
  leave_wal_behind(scratch);
  CHECK(stories(*scratch.open(OpenMode::read)) == kFour);
  CHECK(stories(*scratch.open(OpenMode::read_copy)) == kFour);
  {
    const auto log = scratch.open();
    CHECK(stories(*log) == kFour);
    LogBuilder(*log, identity_of(1)).insert("five");
  }
  CHECK_FALSE(fs::exists(scratch.companion("-wal")));  // closing brought everything into the database
  CHECK(must(scratch.open(OpenMode::read)->count()) == 5);
}

TEST_CASE("copy: holds what was committed when it was made, says when, and is gone at once", "[oplog]") {
  const ScratchLog scratch;
  const auto writer = scratch.open();
  LogBuilder builder(*writer, identity_of(1));
  builder.insert("one");
  const TempFolder temporary;
  setenv("TMPDIR", temporary.path().c_str(), 1);
  const auto copy = scratch.open(OpenMode::read_copy);
  unsetenv("TMPDIR");
  CHECK(fs::is_empty(temporary.path()));  // SQLite has the files open, and kill -9 could leave nothing
  CHECK(copy->info().copied_ms.has_value());
  CHECK(copy->info().path == scratch.path().string());
  builder.insert("two");  // this process's locks on the log were not lost with the copy's
  CHECK(stories(*copy) == std::vector<std::string>{"one"});
  CHECK(stories(*writer) == std::vector<std::string>{"one", "two"});
  CHECK_FALSE(scratch.open(OpenMode::read)->info().copied_ms);
}

TEST_CASE("copy: what a killed process left is removed by the next copy, what a living one makes is not", "[oplog]") {
  const ScratchLog scratch;
  const TempFolder temporary;
  const auto folder_of_copy = [&](const std::string& name, std::chrono::seconds age) {
    const fs::path folder = temporary / ("musher-copy-" + name);
    fs::create_directory(folder);
    write_file(folder / "log.db", "half a copy");
    fs::last_write_time(folder, fs::file_time_type::clock::now() - age);
    return folder;
  };
  const fs::path left = folder_of_copy("left00", std::chrono::hours(1));
  const fs::path young = folder_of_copy("young0", std::chrono::seconds(0));
  const fs::path used = folder_of_copy("used00", std::chrono::hours(1));
  const int lock = open(used.c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(flock(lock, LOCK_EX) == 0);
  setenv("TMPDIR", temporary.path().c_str(), 1);
  CHECK(scratch.open(OpenMode::read_copy)->info().copied_ms);
  unsetenv("TMPDIR");
  CHECK_FALSE(fs::exists(left));
  CHECK(fs::exists(young));
  CHECK(fs::exists(used / "log.db"));
  close(lock);
}

TEST_CASE("copy: waits for a writer, so that it is whole", "[oplog]") {
  const ScratchLog scratch;
  Child writer = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    for (int i = 0; i < 300; ++i) {
      auto write = must(log->begin_write(std::chrono::seconds(30)));
      for (int j = 0; j < 3; ++j) must(append_op(*write, identity_of(1), {.name = std::to_string(i), .content = "{}"}));
      must(write->commit());
      if (i == 0) voice.say("going");
    }
    return 0;
  });
  REQUIRE(writer.read_line() == "going");
  for (int i = 0; i < 40; ++i) {
    const auto copy = scratch.open(OpenMode::read_copy);
    CHECK(must(copy->integrity_problems()).empty());
    const auto rows = all_rows(*copy);
    CHECK(rows.size() % 3 == 0);
    CHECK(must(copy->last_mark()).ops == rows.size());
  }
  CHECK(writer.wait().exit_code == 0);
}

TEST_CASE("copy: a writer that keeps the lock makes it busy", "[oplog]") {
  const ScratchLog scratch;
  const auto writer = scratch.open();
  const auto write = must(writer->begin_write(std::chrono::seconds(1)));
  const auto start = std::chrono::steady_clock::now();
  const auto copy = SqliteOpLog::open(scratch.path(), OpenMode::read_copy, std::chrono::milliseconds(300));
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(300));
  REQUIRE_FALSE(copy);
  CHECK(copy.error().code == Errc::busy);
  CHECK(copy.error().what.find("is locked by PID " + std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("copy: is made by itself where a user may read the log and not write beside it", "[oplog][root]") {
  const ScratchLog scratch;
  SECTION("a log that was closed") {
    const auto log = scratch.open();
    LogBuilder builder(*log, identity_of(1));
    for (const std::string& story : kFour) builder.insert(story);
  }
  SECTION("a -wal that was left behind") {
    leave_wal_behind(scratch);
    fs::remove(scratch.companion("-shm"));
  }
  fs::permissions(scratch.folder().path(), fs::perms(0755));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    if (fs::exists(scratch.companion(suffix))) fs::permissions(scratch.companion(suffix), fs::perms(0644));
  }
  const TempFolder temporary;
  fs::permissions(temporary.path(), fs::perms(0777));
  Child reader = Child::fork([&](const Child::Voice& voice) {
    setenv("TMPDIR", temporary.path().c_str(), 1);
    become(kNobody, {kNobody});
    const auto log = must(SqliteOpLog::open(scratch.path(), OpenMode::read));
    if (!log->info().copied_ms || stories(*log) != kFour) return 1;
    read_everything(*log);
    voice.say("read");
    pause();
    return 0;
  });
  CHECK(reader.read_line() == "read");
  CHECK(copies_left(temporary.path()) == 0);
  CHECK_FALSE(fs::exists(scratch.companion("-shm")));
  reader.signal(SIGKILL);
  CHECK(reader.wait().err == "");
}

TEST_CASE("reading: a user who may read -wal and -shm needs no copy, and leaves them as they are", "[oplog][root]") {
  const ScratchLog scratch;
  leave_wal_behind(scratch);
  fs::permissions(scratch.folder().path(), fs::perms(0755));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) fs::permissions(scratch.companion(suffix), fs::perms(0644));
  const std::string before = read_file(scratch.companion("-wal")) + read_file(scratch.companion("-shm"));
  Child reader = Child::fork([&](const Child::Voice& voice) {
    become(kNobody, {kNobody});
    const auto log = must(SqliteOpLog::open(scratch.path(), OpenMode::read));
    voice.say(log->info().copied_ms ? "copied" : "in place");
    return stories(*log) == kFour ? 0 : 1;
  });
  CHECK(reader.read_line() == "in place");
  const ChildOutcome outcome = reader.wait();
  CHECK(outcome.err == "");
  CHECK(outcome.exit_code == 0);
  CHECK(read_file(scratch.companion("-wal")) + read_file(scratch.companion("-shm")) == before);
}

TEST_CASE("copy: a temporary folder without room or permission is an error that names it", "[oplog][root]") {
  const ScratchLog scratch;
  fs::permissions(scratch.folder().path(), fs::perms(0755));
  fs::permissions(scratch.path(), fs::perms(0644));
  fs::permissions(scratch.companion(".lock"), fs::perms(0644));
  Child reader = Child::fork([&](const Child::Voice& voice) {
    setenv("TMPDIR", "/nonexistent", 1);
    become(kNobody, {kNobody});
    const auto log = SqliteOpLog::open(scratch.path(), OpenMode::read);
    voice.say(log ? "opened" : std::string(to_string(log.error().code)) + " " + log.error().what);
    return 0;
  });
  CHECK(reader.read_line() == "io cannot make a private folder in /nonexistent: No such file or directory");
}

TEST_CASE("reading: opening a log twice in one process drops no lock of the first", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder(*log, identity_of(1)).insert("one");
  auto write = must(log->begin_write(std::chrono::seconds(1)));
  must(append_op(*write, identity_of(1), {.name = "two", .content = "{}"}));
  for (const OpenMode mode : {OpenMode::read, OpenMode::read, OpenMode::write}) CHECK(scratch.open(mode) != nullptr);
  CHECK(scratch.open(OpenMode::read)->file_sizes());
  Child other = Child::start({.argv = {"sqlite3", scratch.path(), "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE"}});
  CHECK(other.wait().err.find("database is locked") != std::string::npos);
  must(write->commit());
}
