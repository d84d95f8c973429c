#include "cli/date_and_time.hpp"

#include <time.h>

#include <chrono>
#include <vector>

#include "cli/text_cursor.hpp"

namespace musher {
namespace {

/// Every instant (in seconds) that a local clock shows as this: none when the clocks skip it, two when they repeat it.
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

}  // namespace

std::optional<DateAndTime> read_date_and_time(std::string_view text) {
  TextCursor at(text);
  DateAndTime result;
  if (!at.number(result.year, 4) || !at.take("-") || !at.number(result.month, 2) || !at.take("-") ||
      !at.number(result.day, 2)) {
    return std::nullopt;
  }
  if (at.at_end()) return result;
  if (!at.take("T") && !at.take("t") && !at.take(" ")) return std::nullopt;
  if (!at.number(result.hour, 2) || !at.take(":") || !at.number(result.minute, 2)) return std::nullopt;
  if (at.take(":")) {
    if (!at.number(result.second, 2)) return std::nullopt;
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
    if (!at.number(hours, 2) || !at.take(":") || !at.number(minutes, 2) || hours > 23 || minutes > 59)
      return std::nullopt;
    result.offset_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
  }
  return at.at_end() ? std::optional(result) : std::nullopt;
}

std::expected<std::int64_t, std::string> instant_of(DateAndTime given) {
  using namespace std::chrono;
  const year_month_day date{year{given.year}, month{static_cast<unsigned>(given.month)},
                            day{static_cast<unsigned>(given.day)}};
  if (!date.ok()) return std::unexpected("there is no such day");
  if (given.hour > 23 || given.minute > 59 || given.second > 60) return std::unexpected("there is no such time of day");
  std::int64_t extra_ms = given.fraction_ms;
  if (given.second == 60) {  // a leap second
    given.second = 59;
    extra_ms += 1000;
  }
  if (given.offset_minutes) {
    const auto clock = hours{given.hour} + minutes{given.minute} + seconds{given.second};
    const auto instant = sys_days{date} + clock - minutes{*given.offset_minutes};
    return duration_cast<milliseconds>(instant.time_since_epoch()).count() + extra_ms;
  }
  const std::vector<std::int64_t> instants = local_seconds(given);
  if (instants.empty())
    return std::unexpected("the local clocks skip this time; write it with its offset, as in +01:00");
  if (instants.size() > 1) {
    return std::unexpected("the local clocks show this time twice; write it with its offset, as in +01:00");
  }
  return instants.front() * 1000 + extra_ms;
}

}  // namespace musher
