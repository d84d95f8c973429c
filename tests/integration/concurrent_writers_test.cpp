// Many processes on one log and one identity: invariants 2 and 4 of docs/architecture.md, with real processes and kill
// -9.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <random>
#include <set>

#include "model/text.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/live_document.hpp"
#include "replica/put.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr int kWriters = 8;
constexpr int kOpsEach = 500;

Host host_in(const Workshop& workshop) {
  return {[] { return std::int64_t{1'700'000'000'000}; }, workshop.file("state"), "writer"};
}

/// What a child does: opens the log as a shell would and writes; each op id goes down the pipe once its put has
/// returned. Returns the exit code: 0, or 1 with the error on stderr.
int write_ops(const Workshop& workshop, int writer, int ops, int acknowledged) {
  auto log = SqliteOpLog::open(workshop.log(), OpenMode::write);
  if (!log) return 1;
  Replica replica(*std::move(log), host_in(workshop));
  auto identity = Identity::load(workshop.file("pipeline.db.key"));
  if (!identity) return 1;
  replica.use_identity(*std::move(identity));
  replica.set_lock_timeout(std::chrono::seconds(60));
  for (int n = 0; n < ops; ++n) {
    const std::string value = "\"" + std::to_string(writer) + "-" + std::to_string(n) + "\"";
    const auto report = put(replica, {"1_story", {{"stage", value}}, false, false, false});
    if (!report) {
      ::dprintf(STDERR_FILENO, "writer %d: %s\n", writer, report.error().what.c_str());
      return 1;
    }
    const OpId& id = report->ops.front().row.id;
    if (::write(acknowledged, id.hash.data(), id.hash.size()) != static_cast<ssize_t>(id.hash.size())) return 1;
  }
  return 0;
}

struct Child {
  pid_t pid = 0;
  int pipe = -1;
};

Child start(const Workshop& workshop, int writer, int ops) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();  // no SQLite handle is open in this process
  if (pid == 0) {
    ::close(ends[0]);
    ::_exit(write_ops(workshop, writer, ops, ends[1]));
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

/// Every op id that came down the pipe until its writer was gone. At most kOpsEach * 32 bytes, which fit a pipe.
std::set<OpId> acknowledged(const Child& child) {
  std::set<OpId> ids;
  OpId id;
  while (::read(child.pipe, id.hash.data(), id.hash.size()) == static_cast<ssize_t>(id.hash.size())) ids.insert(id);
  ::close(child.pipe);
  return ids;
}

struct LogFacts {
  std::set<OpId> ids;
  std::map<std::uint64_t, int> ops_at_index;
};

LogFacts read_log(const Workshop& workshop) {
  auto log = SqliteOpLog::open(workshop.log(), OpenMode::read);
  REQUIRE(log);
  auto live = LiveDocument::start(**log);
  REQUIRE(live);
  LogFacts facts;
  CatchUpOptions options;
  options.signatures = Signatures::check;
  options.on_applied = [&](const OpRow& row, Applied, bool) {
    facts.ids.insert(row.id);
    ++facts.ops_at_index[raw(row.op.op.index)];
  };
  REQUIRE(live->catch_up(**log, options));
  CHECK(live->failures().empty());
  return facts;
}

void check_no_forks(const LogFacts& facts) {
  const bool single =
      std::all_of(facts.ops_at_index.begin(), facts.ops_at_index.end(), [](const auto& at) { return at.second == 1; });
  CHECK(single);
  CHECK(facts.ops_at_index.size() == facts.ids.size());
  CHECK(facts.ops_at_index.rbegin()->first == facts.ids.size());  // indexes without a gap
}

}  // namespace

TEST_CASE("eight processes write 500 ops each with one identity: all are there, no forks, nobody is told busy") {
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "1_story"});
  std::vector<Child> children;
  for (int writer = 0; writer < kWriters; ++writer) children.push_back(start(workshop, writer, kOpsEach));
  std::set<OpId> said;
  for (const Child& child : children) {
    const auto ids = acknowledged(child);
    CHECK(ids.size() == kOpsEach);
    said.insert(ids.begin(), ids.end());
    int status = 0;
    REQUIRE(::waitpid(child.pid, &status, 0) == child.pid);
    CHECK(status == 0);
  }
  CHECK(said.size() == std::size_t{kWriters} * kOpsEach);
  const LogFacts facts = read_log(workshop);
  CHECK(facts.ids.size() == said.size() + 1);
  CHECK(std::includes(facts.ids.begin(), facts.ids.end(), said.begin(), said.end()));
  check_no_forks(facts);
}

TEST_CASE("writers that are killed at random lose nothing that was acknowledged and leave nothing half there") {
  const auto seed = static_cast<unsigned>(std::chrono::steady_clock::now().time_since_epoch().count());
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Workshop workshop;
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "1_story"});
  std::set<OpId> said;
  for (int round = 0; round < 12; ++round) {
    std::vector<Child> children;
    for (int writer = 0; writer < 4; ++writer) children.push_back(start(workshop, round * 4 + writer, kOpsEach));
    // Each is killed when it has acknowledged so many ops: in the middle of another, wherever it is by then.
    for (const Child& child : children) {
      std::array<std::uint8_t, 32> id{};
      const int until = static_cast<int>(random() % 10);
      for (int n = 0; n < until; ++n) {
        REQUIRE(::read(child.pipe, id.data(), id.size()) == static_cast<ssize_t>(id.size()));
        said.insert(OpId{id});
      }
      ::kill(child.pid, SIGKILL);
    }
    for (const Child& child : children) {
      const auto ids = acknowledged(child);
      said.insert(ids.begin(), ids.end());
      int status = 0;
      ::waitpid(child.pid, &status, 0);
      CHECK(WIFSIGNALED(status));
    }
    workshop.must({"musher-put", "1_story", "stage=after the kills"});  // the lock is free, no manual step
  }
  const LogFacts facts = read_log(workshop);
  CHECK(std::includes(facts.ids.begin(), facts.ids.end(), said.begin(), said.end()));
  check_no_forks(facts);
}
