// kill -9 at any instant: what was acknowledged is there, and nothing is half there.

#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "model/text.hpp"
#include "support/process.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

constexpr int kRounds = 100;
constexpr int kBatch = 3;

/// Appends batches of three until it is killed; says each batch's last op id once it is committed.
int append_for_ever(const ScratchLog& scratch, const Child::Voice& voice, int round) {
  const auto log = scratch.open();
  for (int batch = 0;; ++batch) {
    auto write = must(log->begin_write(std::chrono::seconds(30)));
    OpId last;
    for (int i = 0; i < kBatch; ++i) {
      const std::string story = std::to_string(round) + "/" + std::to_string(batch);
      last = must(append_op(*write, identity_of(1),
                            {.name = story, .content = R"({"text":")" + std::string(700, 'x') + "\"}"}))
                 .id;
    }
    must(write->commit());
    voice.say(to_hex(last.hash));
  }
}

/// Every row is there, in line, and each batch whole.
void check_whole(LogReader& log) {
  std::map<std::string, int> batches;
  OpId prev;
  std::uint64_t index = 0;
  for (const OpRow& row : all_rows(log)) {
    ++batches[row.op.op.name];
    if (row.op.op.prev != prev || raw(row.op.op.index) != ++index) FAIL("row " << raw(row.row) << " is not in line");
    prev = row.id;
  }
  for (const auto& [story, ops] : batches) {
    if (ops != kBatch) FAIL("batch " << story << " has " << ops << " of its " << kBatch << " ops");
  }
}

}  // namespace

TEST_CASE("crash: a writer killed at any moment loses nothing it acknowledged and leaves nothing half done",
          "[oplog]") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const ScratchLog scratch;
  std::size_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    Child writer = Child::fork([&](const Child::Voice& voice) { return append_for_ever(scratch, voice, round); });
    std::vector<std::string> said;
    // The kill comes a random number of microseconds after a random batch: within the next one, mostly.
    const std::size_t batches = 1 + random() % 4;
    while (said.size() < batches) {
      const auto line = writer.read_line();
      REQUIRE(line);
      said.push_back(*line);
    }
    const auto delay = std::chrono::microseconds(random() % 3'000);
    const auto until = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < until) {
    }
    writer.signal(SIGKILL);
    while (const auto line = writer.read_line()) said.push_back(*line);
    CHECK(writer.wait().signal == SIGKILL);

    // A reader and a writer open it in turn, without any repair by hand.
    const auto log = scratch.open(round % 2 == 0 ? OpenMode::read : OpenMode::write);
    for (const std::string& hex : said) {
      OpId id;
      REQUIRE(from_hex(hex, id.hash));
      if (!must(log->find(id))) FAIL("op " << hex << " was acknowledged in round " << round << " and is gone");
      ++acknowledged;
    }
    check_whole(*log);
  }
  CHECK(acknowledged >= kRounds);
  const auto log = scratch.open();
  CHECK(must(log->integrity_problems()).empty());
  CHECK(must(must(log->begin_write(std::chrono::seconds(1)))->last_mark()).ops == must(log->count()));
}

TEST_CASE("crash: killed while a log is made, there is a whole log or no file", "[oplog]") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);

  for (int round = 0; round < 60; ++round) {
    const TempFolder folder;
    Child maker = Child::fork([&](const Child::Voice& voice) {
      voice.say("now");
      must(SqliteOpLog::create(folder / "pipeline.db", {.document = test_document()}));
      return 0;
    });
    REQUIRE(maker.read_line() == "now");
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 6'000);
    while (std::chrono::steady_clock::now() < until) {
    }
    maker.signal(SIGKILL);
    maker.wait();
    const auto log = SqliteOpLog::open(folder / "pipeline.db", OpenMode::write);
    if (!log) {
      CHECK(log.error().what == "there is no file " + (folder / "pipeline.db").string());
      CHECK(fs::is_empty(folder.path()));
      must(SqliteOpLog::create(folder / "pipeline.db", {.document = test_document()}));
      continue;
    }
    CHECK(must((*log)->schema_differences()).empty());
    LogBuilder(**log, identity_of(1)).insert("478");
  }
}
