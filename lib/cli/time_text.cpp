#include "cli/time_text.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "cli/escape.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kLastUnixSecond = 253402300799;  // 9999-12-31T23:59:59Z

constexpr std::string_view kDurationHint = "a duration is a whole number and a unit: 500ms 5s 10m 2h 14d";
constexpr std::string_view kPointHint =
    "a point in time is row:N, op:PREFIX, @UNIX, 2026-04-09T12:00:00Z (without a zone: local), -2h or \"2 hours ago\"";

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array kShortUnits = {Unit{"ms", 1}, Unit{"s", kSecondMs}, Unit{"m", kMinuteMs}, Unit{"h", kHourMs},
                                    Unit{"d", kDayMs}};
constexpr std::array kUnitWords = {Unit{"second", kSecondMs}, Unit{"minute", kMinuteMs}, Unit{"hour", kHourMs},
                                   Unit{"day", kDayMs}, Unit{"week", 7 * kDayMs}};

/// Reads text from its front.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  std::string_view digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const std::string_view found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }

  /// Exactly this many digits.
  std::optional<int> number(std::size_t width) {
    const std::string_view found = rest_.substr(0, width);
    int value = 0;
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
    if (found.size() != width || error != std::errc{} || end != found.data() + width || found.front() == '-') return {};
    rest_.remove_prefix(width);
    return value;
  }

 private:
  std::string_view rest_;
};

std::optional<std::int64_t> to_number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// The milliseconds of a fraction's digits; what is finer is dropped.
std::int64_t fraction_ms(std::string_view digits) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return ms;
}

std::unexpected<Error> bad_point(std::string_view text, std::string_view why) {
  return fail(Errc::usage, fmt::format("{} is not a point in time: {}", quote(text), why), std::string(kPointHint));
}

struct DateAndTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t fraction_ms = 0;
  std::optional<int> offset_minutes;  ///< absent: local
};

/// RFC 3339, a space for the T, and without seconds, time of day or zone. Nothing when it is not of that form.
std::optional<DateAndTime> read_date_and_time(std::string_view text) {
  Cursor at(text);
  DateAndTime result;
  const auto number = [&](int& value, std::size_t width) {
    const auto found = at.number(width);
    value = found.value_or(0);
    return found.has_value();
  };
  if (!number(result.year, 4) || !at.take("-") || !number(result.month, 2) || !at.take("-") || !number(result.day, 2)) {
    return std::nullopt;
  }
  if (at.at_end()) return result;
  if (!at.take("T") && !at.take("t") && !at.take(" ")) return std::nullopt;
  if (!number(result.hour, 2) || !at.take(":") || !number(result.minute, 2)) return std::nullopt;
  if (at.take(":")) {
    if (!number(result.second, 2)) return std::nullopt;
    if (at.take(".")) {
      const std::string_view digits = at.digits();
      if (digits.empty()) return std::nullopt;
      result.fraction_ms = fraction_ms(digits);
    }
  }
  at.take(" ");
  if (at.at_end()) return result;
  if (at.take("Z") || at.take("z") || at.take("UTC")) {
    result.offset_minutes = 0;
  } else {
    const bool west = at.rest().starts_with('-');
    int hours = 0, minutes = 0;
    if (!at.take("+") && !at.take("-")) return std::nullopt;
    if (!number(hours, 2) || !at.take(":") || !number(minutes, 2) || hours > 23 || minutes > 59) return std::nullopt;
    result.offset_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
  }
  return at.at_end() ? std::optional(result) : std::nullopt;
}

/// Every instant (in seconds) that a local clock shows as this: none when the clocks skip it, two when they show it twice.
std::vector<std::int64_t> local_seconds(const DateAndTime& shown) {
  std::vector<std::int64_t> found;
  for (const int is_summer : {0, 1}) {
    tm fields{};
    fields.tm_year = shown.year - 1900;
    fields.tm_mon = shown.month - 1;
    fields.tm_mday = shown.day;
    fields.tm_hour = shown.hour;
    fields.tm_min = shown.minute;
    fields.tm_sec = shown.second;
    fields.tm_isdst = is_summer;
    const time_t seconds = mktime(&fields);
    tm back{};
    if (localtime_r(&seconds, &back) == nullptr) continue;
    const bool same = back.tm_year == shown.year - 1900 && back.tm_mon == shown.month - 1 &&
                      back.tm_mday == shown.day && back.tm_hour == shown.hour && back.tm_min == shown.minute &&
                      back.tm_sec == shown.second;
    if (same && (found.empty() || found.front() != seconds)) found.push_back(seconds);
  }
  return found;
}

Result<PointInTime> resolve_date_and_time(std::string_view text, DateAndTime given) {
  using namespace std::chrono;
  const year_month_day date{year{given.year}, month{static_cast<unsigned>(given.month)},
                            day{static_cast<unsigned>(given.day)}};
  if (!date.ok()) return bad_point(text, "there is no such day");
  if (given.hour > 23 || given.minute > 59 || given.second > 60) return bad_point(text, "there is no such time of day");
  std::int64_t extra_ms = given.fraction_ms;
  if (given.second == 60) {  // a leap second
    given.second = 59;
    extra_ms += kSecondMs;
  }
  if (given.offset_minutes) {
    const auto clock = hours{given.hour} + minutes{given.minute} + seconds{given.second};
    const auto instant = sys_days{date} + clock - minutes{*given.offset_minutes};
    return AtInstant{duration_cast<milliseconds>(instant.time_since_epoch()).count() + extra_ms};
  }
  const std::vector<std::int64_t> instants = local_seconds(given);
  if (instants.empty()) return bad_point(text, "the local clocks skip this time; write it with its offset, as in +01:00");
  if (instants.size() > 1) {
    return bad_point(text, "the local clocks show this time twice; write it with its offset, as in +01:00");
  }
  return AtInstant{instants.front() * kSecondMs + extra_ms};
}

Result<PointInTime> before_now(std::string_view text, std::int64_t now_ms, std::int64_t ago_ms) {
  std::int64_t ms = 0;
  if (__builtin_sub_overflow(now_ms, ago_ms, &ms)) return bad_point(text, "it is too long ago");
  return AtInstant{ms};
}

/// "2 hours ago". Nothing when the words are others.
std::optional<std::int64_t> read_ago(std::string_view text) {
  Cursor at(text);
  const auto count = to_number(at.digits());
  if (!count || !at.take(" ")) return std::nullopt;
  for (const Unit& unit : kUnitWords) {
    if (!at.take(unit.name)) continue;
    at.take("s");
    if (at.rest() != " ago" || *count > std::numeric_limits<std::int64_t>::max() / unit.ms) return std::nullopt;
    return *count * unit.ms;
  }
  return std::nullopt;
}

Result<PointInTime> read_row(std::string_view text, std::string_view digits) {
  const auto row = to_number(digits);
  if (!row || digits.front() == '-') return bad_point(text, "a row is a whole number");
  if (*row == 0) return bad_point(text, "rows are counted from 1");
  return AtRow{RowId{*row}};
}

Result<PointInTime> read_op(std::string_view text, std::string_view prefix) {
  if (prefix.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return bad_point(text, "an op id has hex digits only");
  }
  if (prefix.size() < 6) return bad_point(text, "a prefix of an op id has 6 or more hex digits");
  if (prefix.size() > 64) return bad_point(text, "an op id has 64 hex digits");
  std::string lower(prefix);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return AtOpPrefix{lower};
}

Result<PointInTime> read_unix(std::string_view text, std::string_view number) {
  Cursor at(number);
  const auto seconds = to_number(at.digits());
  std::int64_t ms = 0;
  if (at.take(".")) {
    const std::string_view digits = at.digits();
    if (digits.empty()) return bad_point(text, "digits are missing after the point");
    ms = fraction_ms(digits);
  }
  if (!seconds || !at.at_end()) return bad_point(text, "after @ come seconds since 1970");
  if (*seconds > kLastUnixSecond) return bad_point(text, "it is past the year 9999; @ counts seconds, not milliseconds");
  return AtInstant{*seconds * kSecondMs + ms};
}

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
  Cursor at(text);
  const std::string_view digits = at.digits();
  const auto bad = [&](std::string_view why) {
    return fail(Errc::usage, fmt::format("{} is not a duration: {}", quote(text), why), std::string(kDurationHint));
  };
  if (digits.empty()) return bad("it does not begin with a whole number");
  for (const Unit& unit : kShortUnits) {
    if (at.rest() != unit.name) continue;
    const auto count = to_number(digits);
    if (!count || *count > std::numeric_limits<std::int64_t>::max() / unit.ms) return bad("it is too long");
    return milliseconds{*count * unit.ms};
  }
  return bad(at.at_end() ? "it has no unit" : "its unit is not ms, s, m, h or d");
}

std::string human_duration(milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms < kSecondMs) return fmt::format("{} ms", ms);
  if (ms < kMinuteMs) return fmt::format("{} s", ms / kSecondMs);
  if (ms < kHourMs) return two_units(ms / kMinuteMs, "min", ms % kMinuteMs / kSecondMs, "s");
  if (ms < kDayMs) return two_units(ms / kHourMs, "h", ms % kHourMs / kMinuteMs, "min");
  return two_units(ms / kDayMs, "d", ms % kDayMs / kHourMs, "h");
}

Result<PointInTime> parse_point_in_time(std::string_view text, std::int64_t now_ms) {
  if (text.empty()) return bad_point(text, "it is empty");
  if (text == "now") return AtInstant{now_ms};
  Cursor at(text);
  if (at.take("row:")) return read_row(text, at.rest());
  if (at.take("op:")) return read_op(text, at.rest());
  if (at.take("@")) return read_unix(text, at.rest());
  if (at.take("-")) {
    MUSHER_TRY(const milliseconds ago, parse_duration(at.rest()));
    return before_now(text, now_ms, ago.count());
  }
  if (const auto ago = read_ago(text)) return before_now(text, now_ms, *ago);
  if (const auto date = read_date_and_time(text)) return resolve_date_and_time(text, *date);
  return bad_point(text, "none of the known forms");
}

std::string describe(const PointInTime& point, bool utc) {
  if (const auto* row = std::get_if<AtRow>(&point)) return fmt::format("row {}", raw(row->row));
  if (const auto* op = std::get_if<AtOpPrefix>(&point)) return "op " + op->prefix;
  return human_time(std::get<AtInstant>(point).ms, utc);
}

}  // namespace musher
