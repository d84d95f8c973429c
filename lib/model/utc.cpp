#include "model/utc.hpp"

#include <fmt/format.h>

#include <chrono>

namespace musher {

std::string to_utc(std::int64_t ms_since_1970) {
  // std::chrono's year is 16 bits wide: far instants are moved by whole 400-year cycles, which repeat exactly.
  constexpr std::int64_t kCycleMs = 146'097LL * 86'400'000;
  std::int64_t cycles = ms_since_1970 / kCycleMs;
  std::int64_t within = ms_since_1970 % kCycleMs;
  if (within < 0) {
    within += kCycleMs;
    --cycles;
  }
  const std::chrono::sys_time<std::chrono::milliseconds> instant{std::chrono::milliseconds(within)};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(instant - day);
  const std::int64_t year = static_cast<int>(date.year()) + cycles * 400;
  const std::string year_text = year >= 0 && year <= 9999 ? fmt::format("{:04}", year) : fmt::format("{:+07}", year);
  return fmt::format("{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year_text, static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count(), clock.subseconds().count());
}

}  // namespace musher
