// purge_latency LOG KEY FIRST COUNT [silent]: purges COUNT stories of generate_log, from number FIRST on, each through
// a log opened for it, as a shell does, while one live server follows the log. Prints one JSON object: microseconds
// from the end of SQLite's COMMIT to the server's slot saying that it has the row in memory. "silent": a writer that
// does not ring the doorbell.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "oplog/live_slots.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/purge.hpp"

namespace {

using namespace musher;
using Clock = std::chrono::steady_clock;

bool silent = false;
Clock::time_point committed;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "purge_latency: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().what);
  return *std::move(result);
}

/// SQLite calls it for each connection that is opened: musher's code is timed as it is.
int watch_commits(sqlite3* database, const char**, const void*) {
  const auto trace = [](unsigned event, void* connection, void* statement, void*) {
    static bool of_a_write = false;
    const char* const text = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
    if (text == nullptr || std::strcmp(text, "COMMIT") != 0) return 0;
    if (event == SQLITE_TRACE_STMT)
      of_a_write = sqlite3_txn_state(static_cast<sqlite3*>(connection), "main") == SQLITE_TXN_WRITE;
    else if (of_a_write)
      committed = Clock::now();
    return 0;
  };
  return sqlite3_trace_v2(database, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, trace, database);
}

/// The applied row of the one server, as the file has it. The layout is live_slots.cpp's.
class Slot {
 public:
  explicit Slot(const std::string& log) {
    const int file = open(live_path(log).c_str(), O_RDONLY | O_CLOEXEC);
    void* const mapped = file < 0 ? MAP_FAILED : mmap(nullptr, 64, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) give_up("no live server");
    applied_ = reinterpret_cast<const std::int64_t*>(static_cast<const char*>(mapped) + 24);
  }
  [[nodiscard]] std::int64_t applied() const { return __atomic_load_n(applied_, __ATOMIC_ACQUIRE); }

 private:
  const std::int64_t* applied_;
};

/// When the slot first says `row`. Looks often, and sleeps between, since server and writer need the cores.
Clock::time_point wait_for(const Slot& slot, std::int64_t row) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (slot.applied() < row) {
    if (Clock::now() > deadline) give_up(fmt::format("row {} is not in memory after 10 s", row));
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  }
  return Clock::now();
}

}  // namespace

/// The library writes the doorbell and the lock's holder with it. SQLite calls pwrite64.
extern "C" ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  if (silent) {
    std::array<char, 4096> path{};
    const ssize_t length = readlink(fmt::format("/proc/self/fd/{}", file).c_str(), path.data(), path.size());
    if (length > 0 && std::string_view(path.data(), static_cast<std::size_t>(length)).ends_with(".lock"))
      return static_cast<ssize_t>(size);
  }
  return pwrite64(file, bytes, size, offset);
}

int main(int argc, char** argv) {
  if (argc < 5) give_up("usage: purge_latency LOG KEY FIRST COUNT [silent]");
  const std::filesystem::path log = argv[1];
  const int first = std::atoi(argv[3]);
  const int count = std::atoi(argv[4]);
  silent = argc > 5;
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch_commits));
  const Slot slot(log);
  const Host host{[] {
                    const auto now = std::chrono::system_clock::now().time_since_epoch();
                    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
                  },
                  log.parent_path() / "state", "bench"};
  std::vector<double> micros;
  for (int story = first; story < first + count; ++story) {
    Replica replica(must(SqliteOpLog::open(log, OpenMode::write)), host);
    replica.use_identity(must(Identity::load(argv[2])));
    const auto plan = must(plan_purge(replica.log(), {{fmt::format("{}_story_bench", story)}, {}, {}}, "measured"));
    const std::int64_t row = raw(must(replica.log().last_row())) + 1;
    Clock::time_point gone;
    std::jthread watcher([&] {
      prctl(PR_SET_TIMERSLACK, 1000);
      gone = wait_for(slot, row);
    });
    must(execute(replica, plan));
    watcher.join();
    micros.push_back(std::chrono::duration<double, std::micro>(gone - committed).count());
  }
  std::ranges::sort(micros);
  const auto at = [&](double part) { return micros[static_cast<std::size_t>(part * static_cast<double>(count - 1))]; };
  fmt::print("{{\"purges\":{},\"p50_us\":{:.0f},\"p99_us\":{:.0f},\"max_us\":{:.0f}}}\n", count, at(0.5), at(0.99),
             at(1));
}
