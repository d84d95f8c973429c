// Whose clock is told of as one that runs ahead, whatever an op says of its time.
#include "server/clocks_ahead.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "audit/clock_check.hpp"

using namespace musher;

namespace {

constexpr std::int64_t kNow = 1'790'000'000'000;

struct Scene {
  std::vector<std::int64_t> told;
  ClocksAhead clocks{[this](const AuthorId&, const OpId&, std::int64_t by_ms) { told.push_back(by_ms); }};

  void came(std::uint8_t author, std::int64_t time_ms, std::int64_t now_ms = kNow) {
    Op op;
    op.author.key[0] = author;
    op.time_ms = time_ms;
    clocks.came({}, op, now_ms);
  }
};

}  // namespace

TEST_CASE("clocks ahead: an author is told of once, and only past what clocks differ by", "[server]") {
  Scene scene;
  scene.came(1, kNow + ClockCheck::kToleranceMs);
  scene.came(1, 0);
  CHECK(scene.told.empty());
  scene.came(1, kNow + ClockCheck::kToleranceMs + 1);
  scene.came(1, kNow + 10 * ClockCheck::kToleranceMs);
  scene.came(2, kNow + 3 * ClockCheck::kToleranceMs);
  CHECK(scene.told == std::vector<std::int64_t>{ClockCheck::kToleranceMs + 1, 3 * ClockCheck::kToleranceMs});
}

TEST_CASE("clocks ahead: a time at the end of what an op can say is only very far ahead", "[server]") {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  Scene scene;
  scene.came(1, kFirst);
  CHECK(scene.told.empty());
  scene.came(1, kLast);
  scene.came(2, kLast, -1);
  CHECK(scene.told == std::vector<std::int64_t>{kLast - kNow, kLast});
}
