#include "cli/time_text.hpp"

#include <fmt/format.h>
#include <time.h>

#include <array>
#include <cstdlib>
#include <limits>

#include "cli/text_cursor.hpp"
#include "model/escape.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"s", kSecondMs}, Unit{"m", kMinuteMs}, Unit{"h", kHourMs},
                               Unit{"d", kDayMs}};

std::string two_units(std::int64_t count, std::string_view unit, std::int64_t rest, std::string_view rest_unit) {
  if (rest == 0) return fmt::format("{} {}", count, unit);
  return fmt::format("{} {} {} {}", count, unit, rest, rest_unit);
}

}  // namespace

std::string human_time(std::int64_t ms_since_1970, bool utc) {
  const time_t seconds = ms_since_1970 / kSecondMs - (ms_since_1970 % kSecondMs < 0 ? 1 : 0);
  tm local{};
  if (utc || localtime_r(&seconds, &local) == nullptr) {
    std::string text = to_utc(ms_since_1970);
    text.replace(text.find('T'), 1, " ");
    return text.substr(0, text.find('.')) + " UTC";
  }
  const long offset_minutes = local.tm_gmtoff / 60;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} {}{:02}:{:02}", local.tm_year + 1900L, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, offset_minutes < 0 ? '-' : '+',
                     std::abs(offset_minutes) / 60, std::abs(offset_minutes) % 60);
}

Result<milliseconds> parse_duration(std::string_view text) {
  TextCursor at(text);
  const std::string_view digits = at.digits();
  const auto bad = [&](std::string_view why) {
    return fail(Errc::usage, fmt::format("{} is not a duration: {}", quote(text), why),
                "a duration is a whole number and a unit: 500ms 5s 10m 2h 14d");
  };
  if (digits.empty()) return bad("it does not begin with a whole number");
  for (const Unit& unit : kUnits) {
    if (at.rest() != unit.name) continue;
    const auto count = number_of(digits);
    if (!count || *count > std::numeric_limits<std::int64_t>::max() / unit.ms) return bad("it is too long");
    return milliseconds{*count * unit.ms};
  }
  return bad(at.at_end() ? "it has no unit" : "its unit is not ms, s, m, h or d");
}

Result<milliseconds> parse_interval(std::string_view text) {
  if (text == "0") return milliseconds{0};
  return parse_duration(text);
}

std::string human_duration(milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms < kSecondMs) return fmt::format("{} ms", ms);
  if (ms < kMinuteMs) return fmt::format("{} s", ms / kSecondMs);
  if (ms < kHourMs) return two_units(ms / kMinuteMs, "min", ms % kMinuteMs / kSecondMs, "s");
  if (ms < kDayMs) return two_units(ms / kHourMs, "h", ms % kHourMs / kMinuteMs, "min");
  return two_units(ms / kDayMs, "d", ms % kDayMs / kHourMs, "h");
}

}  // namespace musher
