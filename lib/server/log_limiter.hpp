#pragma once
// Log lines that anyone can cause who may do nothing here: so many, that they do not fill the disk.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "server/serve.hpp"

namespace musher {

/// Of each event 100 lines at once, and one a second after that. The others are counted, and every 10 s one line says
/// how many they were.
class LogLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::uint64_t kAtOnce = 100;
  static constexpr std::chrono::seconds kOneMore{1};
  static constexpr std::chrono::seconds kSummary{10};

  explicit LogLimiter(LogSink log) : log_(std::move(log)) {}

  /// `event` is one of a few.
  void line(LogLevel level, std::string_view event, const LogFields& fields, Time now);
  /// To be called now and then.
  void summarize(Time now);
  /// At the end: what is left to say.
  void finish();

 private:
  struct Budget {
    std::uint64_t lines = kAtOnce;
    Time filled{};
    std::uint64_t left_out = 0;
  };

  LogSink log_;
  std::map<std::string, Budget, std::less<>> budgets_;
  Time next_summary_{};
};

}  // namespace musher
