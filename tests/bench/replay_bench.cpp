// Stages of reading a whole log, beside the raw limits they are made of. MUSHER_BENCH_LOG names the log (scripts/bench
// makes it). Each benchmark reads the whole log once an iteration; `per_op` is its CPU time divided by the ops.

#include <benchmark/benchmark.h>
#include <sodium.h>
#include <sqlite3.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "audit/naive_replay.hpp"
#include "crypto/hashing.hpp"
#include "crypto/signature.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/live_document.hpp"

namespace {

using namespace musher;

std::unique_ptr<SqliteOpLog> open_log() {
  const char* path = std::getenv("MUSHER_BENCH_LOG");
  auto log = SqliteOpLog::open(path != nullptr ? path : "pipeline.db", OpenMode::read);
  if (!log) {
    std::fprintf(stderr, "replay_bench: %s\n", log.error().what.c_str());
    std::exit(1);
  }
  return *std::move(log);
}

void per_op(benchmark::State& state, std::uint64_t ops) {
  state.counters["per_op"] = benchmark::Counter(
      static_cast<double>(ops), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

struct Signed {
  AuthorId author;
  OpId id;
  Signature signature;
};

/// Raw limit: libsodium's verification and nothing else.
void raw_verify(benchmark::State& state) {
  const auto log = open_log();
  std::vector<Signed> ops;
  (void)log->scan(RowId{0}, *log->last_row(), [&](ScannedRow&& row) {
    const auto& op = std::get<OpRow>(row);
    ops.push_back({op.op.op.author, op.id, op.op.signature});
    return true;
  });
  for (auto _ : state) {
    for (const Signed& op : ops) {
      unsigned char message[48];
      std::memcpy(message, "musher sign op 1", 16);
      std::memcpy(message + 16, op.id.hash.data(), 32);
      if (crypto_sign_verify_detached(op.signature.bytes.data(), message, sizeof message, op.author.key.data()) != 0) {
        state.SkipWithError("a signature does not hold");
        return;
      }
    }
  }
  per_op(state, ops.size());
}

/// Raw limit: SQLite handing over the same columns.
void raw_scan(benchmark::State& state) {
  sqlite3* db = nullptr;
  const std::string uri = "file:" + std::string(std::getenv("MUSHER_BENCH_LOG")) + "?mode=ro";
  sqlite3_open_v2(uri.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  std::uint64_t rows = 0;
  for (auto _ : state) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(
        db,
        "SELECT rowid, op_id, author, idx, prev, kind, seq, target, parents, name, actor, digest, content, salt, "
        "time_ms, signature, depth, source, received_ms FROM crdt_ops ORDER BY rowid",
        -1, &statement, nullptr);
    rows = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      for (int column = 0; column < 19; ++column) {
        benchmark::DoNotOptimize(sqlite3_column_blob(statement, column));
        benchmark::DoNotOptimize(sqlite3_column_bytes(statement, column));
      }
      ++rows;
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(db);
  per_op(state, rows);
}

void scan_rows(benchmark::State& state) {
  const auto log = open_log();
  std::uint64_t rows = 0;
  for (auto _ : state) {
    rows = 0;
    (void)log->scan(RowId{0}, *log->last_row(), [&](ScannedRow&& row) {
      benchmark::DoNotOptimize(row);
      ++rows;
      return true;
    });
  }
  per_op(state, rows);
}

void rebuild(benchmark::State& state, Signatures signatures) {
  const auto log = open_log();
  std::uint64_t rows = 0;
  for (auto _ : state) {
    auto live = LiveDocument::start(*log);
    CatchUpOptions options;
    options.signatures = signatures;
    options.threads = 1;
    (void)live->catch_up(*log, options);
    rows = live->counts().applied;
    benchmark::DoNotOptimize(live->document().counts());
  }
  per_op(state, rows);
}
/// Everything but signatures: scan, canonical bytes, hashes, canonical content, apply.
void replay_unsigned(benchmark::State& state) { rebuild(state, Signatures::skip); }
/// The whole replay, on one core.
void replay_signed(benchmark::State& state) { rebuild(state, Signatures::check); }

BENCHMARK(raw_verify)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(raw_scan)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(scan_rows)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(replay_unsigned)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(replay_signed)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  if (sodium_init() < 0) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
