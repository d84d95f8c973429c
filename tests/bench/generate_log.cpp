// generate_log LOG KEY OPS [OPS_A_COMMIT=1000 [erased]]: a pipeline log for benchmarks and the demo: OPS/20 stories,
// each an insert with 7 fields, then 19 sets, written through the normal append path. "erased": the last op erases the
// content of the second. Prints the number of ops it wrote.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/canonical_json.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/init.hpp"
#include "replica/replica.hpp"

namespace {

using namespace musher;

constexpr int kOpsAStory = 20;

std::string text(const std::string& value) { return *canonical_string(value); }

std::string fields_of(int story) {
  return *canonical_object({{"name", text("Story number " + std::to_string(story))},
                            {"stage", text("1_backlog")},
                            {"agent", text("")},
                            {"retry_count", "0"},
                            {"blocked", "false"},
                            {"depends_on", "[]"},
                            {"priority", std::to_string(story % 5)}});
}

/// The n-th set of a story: a plausible life from backlog to done.
JsonMembers::value_type change(int n) {
  static const char* const kStages[] = {"2_current", "3_qa", "4_merge", "5_done"};
  switch (n % 4) {
    case 0: return {"stage", text(kStages[(n / 4) % 4])};
    case 1: return {"agent", text("coder-" + std::to_string(n % 3))};
    case 2: return {"retry_count", std::to_string(n / 4)};
    default: return {"blocked", n % 8 == 3 ? "true" : "false"};
  }
}

Result<std::uint64_t> generate(Replica& replica, int ops, int ops_a_commit, bool erased) {
  std::uint64_t written = 0;
  OpId item, first_set;
  while (written < static_cast<std::uint64_t>(ops)) {
    MUSHER_TRY(auto write, OwnWrite::begin(replica));
    for (int in_commit = 0; in_commit < ops_a_commit && written < static_cast<std::uint64_t>(ops);
         ++in_commit, ++written) {
      const int story = static_cast<int>(written) / kOpsAStory + 1;
      const int n = static_cast<int>(written) % kOpsAStory;
      if (n == 0) {
        MUSHER_TRY(
            const OpRow row,
            write.append({OpKind::insert, OpId{}, std::to_string(story) + "_story_bench", fields_of(story), {}}));
        item = row.id;
      } else {
        const auto [field, value] = change(n - 1);
        if (erased && written + 1 == static_cast<std::uint64_t>(ops)) {
          MUSHER_TRY(const OpRow row, write.append({OpKind::erase, first_set, "", std::nullopt, {}}));
          continue;
        }
        MUSHER_TRY(const OpRow row, write.append({OpKind::set, item, field, value, {}}));
        if (first_set.is_zero()) first_set = row.id;
      }
    }
    MUSHER_CHECK(write.commit());
  }
  return written;
}

int number(const char* argument) {
  int value = 0;
  const std::string text_of(argument);
  std::from_chars(text_of.data(), text_of.data() + text_of.size(), value);
  return value;
}

Result<std::uint64_t> run(int argc, char** argv) {
  const std::filesystem::path log = argv[1];
  const Host host{[] {
                    const auto now = std::chrono::system_clock::now().time_since_epoch();
                    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
                  },
                  log.parent_path() / "state", "bench"};
  MUSHER_TRY(const InitReport made, init({log, argv[2], std::nullopt, "bench", std::nullopt}, host));
  MUSHER_TRY(auto opened, SqliteOpLog::open(log, OpenMode::write));
  Replica replica(std::move(opened), host);
  MUSHER_TRY(auto identity, Identity::load(made.key_file));
  replica.use_identity(std::move(identity));
  return generate(replica, number(argv[3]), argc > 4 ? number(argv[4]) : 1000,
                  argc > 5 && argv[5] == std::string_view("erased"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: generate_log LOG KEY OPS [OPS_A_COMMIT [erased]]\n", stderr);
    return 2;
  }
  const auto written = run(argc, argv);
  if (!written) {
    std::fprintf(stderr, "generate_log: %s\n", written.error().what.c_str());
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(*written));
  return 0;
}
