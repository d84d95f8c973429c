// Many writers, one log: every op there, nobody starves, and whoever has to wait in vain is told for whom.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <set>

#include "support/process.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// A process that holds the write lock until it is told to stop (its input ends with it).
Child lock_holder(const ScratchLog& scratch) {
  Child child = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    const auto write = must(log->begin_write(std::chrono::seconds(10)));
    voice.say("holding");
    pause();
    return 0;
  });
  REQUIRE(child.read_line() == "holding");
  return child;
}

milliseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

}  // namespace

TEST_CASE("lock: eight processes append 500 ops each with one identity: 4,000 rows, one line of ops, nobody busy",
          "[oplog]") {
  constexpr int kWriters = 8;
  constexpr int kOps = 500;
  const ScratchLog scratch;
  std::vector<Child> writers;
  for (int number = 0; number < kWriters; ++number) {
    writers.push_back(Child::fork([&](const Child::Voice& voice) {
      const auto log = scratch.open();
      LogBuilder builder(*log, identity_of(1));
      milliseconds longest{0};
      for (int i = 0; i < kOps; ++i) {
        const auto start = steady_clock::now();
        builder.insert("story_" + std::to_string(number) + "_" + std::to_string(i));
        longest = std::max(longest, since(start));
      }
      voice.say(std::to_string(longest.count()));
      return 0;
    }));
  }
  for (Child& writer : writers) {
    const auto longest = writer.read_line(std::chrono::minutes(5));
    const ChildOutcome outcome = writer.wait(std::chrono::minutes(1));
    CHECK(outcome.err == "");
    CHECK(outcome.exit_code == 0);
    REQUIRE(longest);
    CHECK(std::stoi(*longest) < 20'000);  // nobody waits for all the others to finish
  }
  const auto log = scratch.open();
  const auto rows = all_rows(*log);
  CHECK(rows.size() == kWriters * kOps);
  std::set<OpId> ids;
  std::set<std::string> stories;
  OpId last;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Op& op = rows[i].op.op;
    ids.insert(rows[i].id);
    stories.insert(op.name);
    const bool in_line = raw(op.index) == i + 1 && op.prev == last && raw(op.seq) == i + 1 &&
                         raw(rows[i].row) == static_cast<std::int64_t>(i + 1);
    if (!in_line) FAIL("row " << i + 1 << " does not follow the one before");
    last = rows[i].id;
  }
  CHECK(ids.size() == rows.size());
  CHECK(stories.size() == rows.size());
  CHECK(must(log->tips()).size() == 1);
  CHECK(must(log->heads()).size() == 1);
  CHECK(must(log->integrity_problems()).empty());
}

TEST_CASE("lock: who takes the lock again and again takes turns with the others", "[oplog]") {
  const ScratchLog scratch;
  Child busy = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    voice.say("going");
    while (true) {
      const auto write = must(log->begin_write(std::chrono::seconds(10)));
      const auto until = steady_clock::now() + milliseconds(2);  // as long as a batch of a peer's ops takes
      while (steady_clock::now() < until) continue;
      voice.say("turn");
    }
    return 0;
  });
  REQUIRE(busy.read_line() == "going");
  const auto log = scratch.open();
  constexpr int kTurns = 20;
  int others = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    REQUIRE(busy.read_line() == "turn");
    while (busy.read_line(milliseconds(0))) ++others;
    const auto write = log->begin_write(std::chrono::seconds(10));
    REQUIRE(write);
    while (busy.read_line(milliseconds(0))) ++others;
  }
  CAPTURE(others);
  CHECK(others <= 10 * kTurns);
}

TEST_CASE("lock: a writer that waits in vain names the holder's PID and since when", "[oplog]") {
  const ScratchLog scratch;
  Child holder = lock_holder(scratch);
  const auto log = scratch.open();
  const auto start = steady_clock::now();
  const auto write = log->begin_write(milliseconds(200));
  CHECK(since(start) >= milliseconds(200));
  CHECK(since(start) < milliseconds(5'000));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::busy);
  const std::string start_of_what =
      scratch.path().string() + " is locked by PID " + std::to_string(holder.pid()) + " since 20";
  CHECK(write.error().what.substr(0, start_of_what.size()) == start_of_what);
  CHECK(write.error().hint == "ps -fp " + std::to_string(holder.pid()));
  CHECK(must(log->count()) == 0);  // reading goes on
}

TEST_CASE("lock: a stopped holder is waited for and named, never robbed; once it goes on, so do the others",
          "[oplog]") {
  const ScratchLog scratch;
  Child holder = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    auto write = must(log->begin_write(std::chrono::seconds(10)));
    must(append_op(*write, identity_of(1), {.name = "held", .content = "{}"}));
    voice.say("holding");
    raise(SIGSTOP);
    must(write->commit());
    return 0;
  });
  REQUIRE(holder.read_line() == "holding");
  const auto log = scratch.open();
  const auto write = log->begin_write(milliseconds(300));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::busy);
  CHECK(write.error().what.find("PID " + std::to_string(holder.pid())) != std::string::npos);
  REQUIRE(wait_until([&] {  // SIGCONT before SIGSTOP would be lost
    return read_file("/proc/" + std::to_string(holder.pid()) + "/stat").find(") T ") != std::string::npos;
  }));
  holder.signal(SIGCONT);
  LogBuilder(*log, identity_of(1)).insert("after");
  CHECK(holder.wait().exit_code == 0);
  std::vector<std::string> stories;
  for (const OpRow& row : all_rows(*log)) stories.push_back(row.op.op.name);
  CHECK(stories == std::vector<std::string>{"held", "after"});
}

TEST_CASE("lock: a waiter goes on the moment the holder is killed", "[oplog]") {
  const ScratchLog scratch;
  Child holder = lock_holder(scratch);
  Child waiter = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open();
    voice.say("waiting");
    const auto write = log->begin_write(std::chrono::seconds(50));
    voice.say(write ? "got it" : write.error().what);
    return 0;
  });
  REQUIRE(waiter.read_line() == "waiting");
  const std::string syscall = "/proc/" + std::to_string(waiter.pid()) + "/syscall";
  REQUIRE(wait_until([&] { return read_file(syscall).starts_with(std::to_string(SYS_flock) + " "); }));
  holder.signal(SIGKILL);
  const auto start = steady_clock::now();
  CHECK(waiter.read_line() == "got it");
  CHECK(since(start) < milliseconds(5'000));
}

TEST_CASE("lock: who copies the log holds it shared, and a writer that waits for him is told his PID", "[oplog]") {
  const ScratchLog scratch;
  Child copier = Child::fork([&](const Child::Voice& voice) {
    const int descriptor = open(scratch.companion(".lock").c_str(), O_RDONLY);
    if (flock(descriptor, LOCK_SH) != 0) return 1;
    voice.say("copying");
    pause();
    return 0;
  });
  REQUIRE(copier.read_line() == "copying");
  const auto write = scratch.open()->begin_write(milliseconds(50));
  REQUIRE_FALSE(write);
  CHECK(write.error().what == scratch.path().string() + " is locked by PID " + std::to_string(copier.pid()));
}

TEST_CASE("lock: a lock file that was taken away and made anew excludes again", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder(*log, identity_of(1)).insert("one");
  fs::remove(scratch.companion(".lock"));
  Child holder = lock_holder(scratch);  // makes a new one
  const auto write = log->begin_write(milliseconds(50));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::busy);
  holder.signal(SIGKILL);
  holder.wait();
  LogBuilder(*log, identity_of(1)).insert("two");
}

TEST_CASE("lock: something else under the lock file's name is refused", "[oplog]") {
  const ScratchLog scratch;
  fs::remove(scratch.companion(".lock"));
  write_file(scratch.folder() / "victim", "mine");
  SECTION("a symbolic link") { fs::create_symlink(scratch.folder() / "victim", scratch.companion(".lock")); }
  SECTION("a folder") { fs::create_directory(scratch.companion(".lock")); }
  SECTION("a pipe") { REQUIRE(mkfifo(scratch.companion(".lock").c_str(), 0600) == 0); }
  SECTION("another file's second name") {
    fs::create_hard_link(scratch.folder() / "victim", scratch.companion(".lock"));
  }
  const auto log = scratch.open();
  const auto write = log->begin_write(milliseconds(50));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::refused);
  CHECK(write.error().hint == "ls -l " + scratch.companion(".lock").string());
  CHECK(write.error().what.find(scratch.companion(".lock").string()) != std::string::npos);
  CHECK(read_file(scratch.folder() / "victim") == "mine");
}

TEST_CASE("doorbell: rings after a commit can be seen, and stays silent when nothing was committed", "[oplog]") {
  const ScratchLog scratch;
  const auto writer = scratch.open();
  const auto reader = scratch.open(OpenMode::read);
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  REQUIRE(inotify_add_watch(watch, scratch.companion(".lock").c_str(), IN_MODIFY) >= 0);
  const auto rings = [&] {
    char events[4096];
    const ssize_t got = read(watch, events, sizeof events);
    return got > 0 ? static_cast<std::size_t>(got) / sizeof(inotify_event) : 0;
  };
  auto write = must(writer->begin_write(milliseconds(1'000)));
  CHECK(rings() == 1);  // the holder signs
  must(append_op(*write, identity_of(1), {.name = "story", .content = "{}"}));
  CHECK(rings() == 0);
  must(write->commit());
  CHECK(must(reader->count()) == 1);
  CHECK(rings() == 1);
  close(watch);
}

TEST_CASE("doorbell: the lock file is never longer than one line, and says who wrote last", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  for (int i = 0; i < 5; ++i) LogBuilder(*log, identity_of(1)).insert("story");
  const std::string line = read_file(scratch.companion(".lock"));
  CHECK(line.size() == 64);
  CHECK(line.back() == '\n');
  CHECK(line.compare(0, 4, "pid ") == 0);
  CHECK(line.find("pid " + std::to_string(getpid()) + " since ") == 0);
}
