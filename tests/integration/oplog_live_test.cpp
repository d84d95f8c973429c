// What a shell's write learns of the servers that hold the log in memory: real processes, real locks.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "support/process.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

/// A process that holds a slot, says "ready", tells `applied`, and lives until it is killed.
Child server(const ScratchLog& scratch, std::int64_t applied, ServerHealth health = ServerHealth::ok) {
  Child child = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open(OpenMode::read);
    LiveSlot slot = must(log->take_live_slot());
    slot.tell(RowId{applied}, health);
    voice.say("ready");
    pause();
    return 0;
  });
  REQUIRE(child.read_line() == "ready");
  return child;
}

}  // namespace

TEST_CASE("live: without a server nothing is waited for", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  CHECK(must(log->live_servers()).empty());
  CHECK(must(log->wait_for_servers(RowId{1}, 1h)).empty());
  CHECK_FALSE(std::filesystem::exists(scratch.companion(".live")));
}

TEST_CASE("live: what one server has claimed no other gets before it is given back, or the server is gone", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LiveSlot first = must(log->take_live_slot());
  {
    LiveSlot second = must(log->take_live_slot());
    CHECK(first.claim("ws://a/crdt-sync"));
    CHECK(first.claim("ws://a/crdt-sync"));
    CHECK_FALSE(second.claim("ws://a/crdt-sync"));
    CHECK(second.claim("ws://b/crdt-sync"));
    second.give_back("ws://a/crdt-sync");  // it never had it
    CHECK_FALSE(second.claim("ws://a/crdt-sync"));
    first.give_back("ws://a/crdt-sync");
    CHECK(second.claim("ws://a/crdt-sync"));
    CHECK_FALSE(first.claim("ws://a/crdt-sync"));
  }
  CHECK(first.claim("ws://a/crdt-sync"));
  CHECK(first.claim("ws://b/crdt-sync"));
}

TEST_CASE("live: a server that has applied the row confirms, one that is behind is named after the wait", "[oplog]") {
  const ScratchLog scratch;
  const Child ahead = server(scratch, 7);
  const Child behind = server(scratch, 6);
  const auto log = scratch.open();
  CHECK(must(log->live_servers()).size() == 2);

  const auto answers = must(log->wait_for_servers(RowId{7}, 50ms));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].server.pid == ahead.pid());
  CHECK(answers[0].status == Confirmation::applied);
  CHECK(answers[1].server.pid == behind.pid());
  CHECK(answers[1].status == Confirmation::timeout);
  CHECK_FALSE(answers[1].server.other_namespace);
}

TEST_CASE("live: a server that has stopped following the log refuses at once", "[oplog]") {
  const ScratchLog scratch;
  const Child failed = server(scratch, 3, ServerHealth::failed);
  const auto answers = must(scratch.open()->wait_for_servers(RowId{7}, 1h));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == Confirmation::refused);
}

TEST_CASE("live: who waits goes on as soon as the last server has applied the row", "[oplog]") {
  const ScratchLog scratch;
  Child late = Child::fork([&](const Child::Voice& voice) {
    const auto log = scratch.open(OpenMode::read);
    LiveSlot slot = must(log->take_live_slot());
    voice.say("ready");
    if (!wait_until([&] { return must(log->last_row()) >= RowId{1}; })) return 1;
    slot.tell(RowId{1}, ServerHealth::ok);
    pause();
    return 0;
  });
  REQUIRE(late.read_line() == "ready");
  const auto log = scratch.open();
  LogBuilder(*log, identity_of(1)).insert("1_story");
  const auto answers = must(log->wait_for_servers(RowId{1}, kPatience));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == Confirmation::applied);
}

TEST_CASE("live: a killed server is waited for no longer, and its slot is free", "[oplog]") {
  const ScratchLog scratch;
  Child dying = server(scratch, 0);
  const auto log = scratch.open();
  Child waiting = Child::fork([&](const Child::Voice& voice) {
    const auto own = scratch.open(OpenMode::read);
    voice.say("waiting");
    return must(own->wait_for_servers(RowId{1}, 1h)).empty() ? 0 : 1;
  });
  REQUIRE(waiting.read_line() == "waiting");
  dying.signal(SIGKILL);
  CHECK(waiting.wait().exit_code == 0);
  CHECK(must(log->live_servers()).empty());
}

TEST_CASE("live: the slot of a log that was copied here does not count", "[oplog]") {
  const ScratchLog scratch, other;
  const Child elsewhere = server(other, 9);
  std::filesystem::create_hard_link(other.companion(".live"), scratch.companion(".live"));
  CHECK(scratch.open()->live_servers().error().code == Errc::refused);  // a file with two names
  std::filesystem::remove(scratch.companion(".live"));

  // The same file under one name, beside another log: the slot names its own.
  std::filesystem::rename(other.companion(".live"), scratch.companion(".live"));
  CHECK(must(scratch.open()->live_servers()).empty());
}

TEST_CASE("live: 64 servers and no more", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open(OpenMode::read);
  std::vector<LiveSlot> slots;
  for (std::size_t i = 0; i < kLiveSlots; ++i) slots.push_back(must(log->take_live_slot()));
  CHECK(log->take_live_slot().error().code == Errc::busy);
  slots.pop_back();
  CHECK(log->take_live_slot().has_value());
}

TEST_CASE("live: what is no regular file is refused, and never waited for", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  REQUIRE(mkfifo(scratch.companion(".live").c_str(), 0600) == 0);
  CHECK(log->live_servers().error().code == Errc::refused);
  CHECK(log->take_live_slot().error().code == Errc::refused);
  std::filesystem::remove(scratch.companion(".live"));
  std::filesystem::create_symlink("/etc/passwd", scratch.companion(".live"));
  CHECK(log->take_live_slot().error().code == Errc::refused);
}

TEST_CASE("live: the slots' file has the log's mode whatever the umask", "[oplog]") {
  const ScratchLog scratch;
  const mode_t before = umask(0);
  const auto slot = scratch.open(OpenMode::read)->take_live_slot();
  umask(before);
  REQUIRE(slot.has_value());
  CHECK((std::filesystem::status(scratch.companion(".live")).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::status(scratch.path()).permissions() & std::filesystem::perms::all));
}

TEST_CASE("live: a short or garbled file says nothing of servers", "[oplog]") {
  const ScratchLog scratch;
  const Child holder = server(scratch, 1);
  std::ofstream(scratch.companion(".live"), std::ios::binary | std::ios::trunc) << std::string(100, '\xff');
  CHECK(must(scratch.open()->live_servers()).empty());
}

TEST_CASE("doorbell: it rings after another process's commit can be seen, also when the lock file is made anew",
          "[oplog]") {
  const ScratchLog scratch;
  const auto reader = scratch.open(OpenMode::read);
  Doorbell bell = must(reader->watch());
  const auto rings_for = [&](const std::string& story) {
    LogBuilder(*scratch.open(), identity_of(1)).insert(story);
    return wait_until([&] { return bell.hear(); });
  };
  const auto version = must(reader->data_version());
  CHECK(rings_for("1_story"));
  CHECK(must(reader->last_row()) == RowId{1});
  CHECK(must(reader->data_version()) != version);

  std::filesystem::remove(scratch.companion(".lock"));
  CHECK(wait_until([&] { return bell.hear() || true; }));
  CHECK(rings_for("2_story"));
  CHECK(rings_for("3_story"));
}
