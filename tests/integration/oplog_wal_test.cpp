// The -wal stays short, whoever reads; and what it holds comes into the database when the last writer goes.

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

constexpr std::uint64_t kMegabyte = 1024 * 1024;

void append(SqliteOpLog& log, int ops) {
  LogBuilder builder(log, identity_of(1));
  for (int i = 0; i < ops; ++i) builder.insert("story_" + std::to_string(i));
}

std::uint64_t wal_bytes(SqliteOpLog& log) { return must(log.file_sizes()).wal; }

/// A reader in another process that stays inside one read transaction.
Child long_reader(const ScratchLog& scratch) {
  Child child = Child::fork([&](const Child::Voice& voice) {
    RawDatabase raw(scratch.path());
    raw.exec("BEGIN");
    static_cast<void>(raw.value("SELECT count(*) FROM crdt_ops"));
    voice.say("reading");
    pause();
    return 0;
  });
  REQUIRE(child.read_line() == "reading");
  return child;
}

}  // namespace

TEST_CASE("wal: stays under 16 MB through thousands of commits beside readers that read in short turns", "[oplog]") {
  const ScratchLog scratch;
  const auto writer = scratch.open();
  const auto reader = scratch.open(OpenMode::read);
  std::uint64_t longest = 0;
  for (int round = 0; round < 30; ++round) {
    append(*writer, 50);
    CHECK(all_rows(*reader).size() == static_cast<std::size_t>(50 * (round + 1)));
    longest = std::max(longest, wal_bytes(*writer));
  }
  CHECK(longest < 16 * kMegabyte);
  CHECK(longest > kMegabyte);  // the test is long enough to see it cut back
}

TEST_CASE("wal: a reader that stays in its transaction does not stop writers, and once it goes the -wal is emptied",
          "[oplog]") {
  const ScratchLog scratch;
  const auto writer = scratch.open();
  append(*writer, 1);
  Child reader = long_reader(scratch);
  append(*writer, 400);
  CHECK(wal_bytes(*writer) > 4 * kMegabyte);
  const auto held = must(writer->empty_wal(std::chrono::milliseconds(150)));
  CHECK_FALSE(held.done);
  CHECK(held.readers == std::vector<std::int64_t>{reader.pid()});
  reader.signal(SIGKILL);
  reader.wait();
  append(*writer, 1);  // the next commit finishes what the reader held up
  CHECK(wal_bytes(*writer) == 0);
  CHECK(must(writer->empty_wal(std::chrono::milliseconds(150))).done);
  CHECK(must(writer->count()) == 402);
}

TEST_CASE("wal: the last writer brings it into the database, one that is not the last leaves it", "[oplog]") {
  const ScratchLog scratch;
  {
    const auto other = scratch.open();
    append(*scratch.open(), 2);
    CHECK(fs::exists(scratch.companion("-wal")));
  }
  CHECK_FALSE(fs::exists(scratch.companion("-wal")));
  CHECK_FALSE(fs::exists(scratch.companion("-shm")));
  CHECK(must(scratch.open(OpenMode::read)->count()) == 2);
}

TEST_CASE("wal: a writer that cannot have the lock closes without a WAL checkpoint, and nothing is lost", "[oplog]") {
  const ScratchLog scratch;
  auto writer = scratch.open();
  append(*writer, 2);
  const int descriptor = ::open(scratch.companion(".lock").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(flock(descriptor, LOCK_SH) == 0);
  writer.reset();
  CHECK(fs::file_size(scratch.companion("-wal")) > 0);
  close(descriptor);
  CHECK(must(scratch.open()->count()) == 2);
  CHECK_FALSE(fs::exists(scratch.companion("-wal")));
}
