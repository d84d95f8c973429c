#pragma once
// How far a long piece of work is, for whoever waits.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "cli/terminal.hpp"

namespace musher {

/// A clock that only goes forward. Tests have their own.
using SteadyClock = std::function<std::chrono::milliseconds()>;
[[nodiscard]] SteadyClock steady_clock();

/// Nothing in the first second. Then, on a terminal's err, one line that is rewritten ten times a second, with
/// done/total, rate and the time that is left, and taken away at the end; on any other err a plain line a minute.
/// Nothing when quiet.
class Progress {
 public:
  /// what: "verifying"; unit: "ops"; total: 0 when it is not known.
  Progress(Terminal& terminal, SteadyClock clock, std::string what, std::string unit, std::uint64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// done: of total, in all. Looks at the clock each time: call it once a batch.
  void update(std::uint64_t done);
  /// It turned out to be more, or less.
  void set_total(std::uint64_t total) { total_ = total; }

 private:
  [[nodiscard]] std::string line(std::uint64_t done, std::chrono::milliseconds elapsed) const;

  // fixed after construction
  Terminal& terminal_;
  SteadyClock clock_;
  std::string what_;
  std::string unit_;
  std::chrono::milliseconds started_;
  // changes with each update
  std::uint64_t total_;
  std::chrono::milliseconds next_;  ///< when to show something next
};

}  // namespace musher
