#include <catch2/catch.hpp>

#include "cli/progress.hpp"
#include "support/fake_terminal.hpp"

using namespace musher;
using namespace musher::test;
using namespace std::chrono_literals;

namespace {

/// A clock that a test turns.
struct FakeClock {
  std::chrono::milliseconds now = 1h;
  [[nodiscard]] SteadyClock clock() {
    return [this] { return now; };
  }
};

}  // namespace

TEST_CASE("progress: nothing in the first second, then done, total, share, rate and what is left", "[cli]") {
  FakeTerminal fake;
  FakeClock time;
  Terminal terminal = fake.terminal(true);
  {
    Progress progress(terminal, time.clock(), "verifying", "ops", 100'000);
    time.now += 999ms;
    progress.update(10'000);
    CHECK(fake.err.str().empty());
    time.now += 1001ms;
    progress.update(25'000);
    CHECK(fake.err.str() == "verifying 25,000/100,000 ops, 25%, 12,500/s, 6 s left");
  }
  CHECK(fake.err.str().ends_with("left\r\x1b[K"));
}

TEST_CASE("progress: a terminal's line is rewritten at most ten times a second", "[cli]") {
  FakeTerminal fake;
  FakeClock time;
  Terminal terminal = fake.terminal(true);
  Progress progress(terminal, time.clock(), "reading", "ops", 10);
  time.now += 1s;
  progress.update(1);
  const std::string shown = fake.err.str();
  time.now += 99ms;
  progress.update(2);
  CHECK(fake.err.str() == shown);
  time.now += 1ms;
  progress.update(3);
  CHECK(fake.err.str().ends_with("\r\x1b[Kreading 3/10 ops, 30%, 2/s, 2 s left"));
}

TEST_CASE("progress: where err is no terminal there is one plain line a minute", "[cli]") {
  FakeTerminal fake;
  FakeClock time;
  Terminal terminal = fake.terminal(false);
  {
    Progress progress(terminal, time.clock(), "verifying", "ops", 0);
    for (int second = 1; second <= 150; ++second) {
      time.now += 1s;
      progress.update(static_cast<std::uint64_t>(second) * 10);
    }
  }
  CHECK(fake.err.str() == "musher-put: verifying 600 ops, 10/s\nmusher-put: verifying 1,200 ops, 10/s\n");
}

TEST_CASE("progress: nothing when quiet", "[cli]") {
  for (const bool is_tty : {true, false}) {
    FakeTerminal fake;
    FakeClock time;
    Terminal terminal = fake.terminal(is_tty);
    terminal.set_quiet(true);
    Progress progress(terminal, time.clock(), "verifying", "ops", 10);
    time.now += 10min;
    progress.update(5);
    CHECK(fake.err.str().empty());
  }
}

TEST_CASE("progress: more than the total, or all of it, is shown as it is", "[cli]") {
  FakeTerminal fake;
  FakeClock time;
  Terminal terminal = fake.terminal(true);
  Progress progress(terminal, time.clock(), "reading", "ops", 10);
  time.now += 2s;
  progress.update(20);
  CHECK(fake.err.str() == "reading 20/10 ops, 100%, 10/s");
}

TEST_CASE("progress: the real clock goes forward", "[cli]") {
  const SteadyClock clock = steady_clock();
  const auto before = clock();
  CHECK(clock() >= before);
}
