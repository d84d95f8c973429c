#pragma once
// The clock of the thread that the server runs on, passed in: an event loop's in a program, a made-up one in tests.

#include <chrono>
#include <cstdint>
#include <functional>

namespace musher::mcp {

class Scheduler {
 public:
  using Clock = std::chrono::steady_clock;
  enum class TimerId : std::uint64_t {};

  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler() = default;

  [[nodiscard]] virtual Clock::time_point now() const = 0;
  /// Calls the function once, on this thread, when the delay is over; never from within after().
  virtual TimerId after(Clock::duration delay, std::function<void()> function) = 0;
  /// No effect on a timer that ran or was cancelled.
  virtual void cancel(TimerId timer) = 0;
};

}  // namespace musher::mcp
