#pragma once
// A calendar date and a time of day, as written by a person or by RFC 3339, and the instant they mean.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace musher {

struct DateAndTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t fraction_ms = 0;
  std::optional<int> offset_minutes;  ///< absent: local
};

/// Reads RFC 3339, also with a space for the T, and without seconds, time of day (midnight) or zone (local).
/// Nothing when the text is not of that form; whether there is such a day is asked by instant_of.
[[nodiscard]] std::optional<DateAndTime> read_date_and_time(std::string_view text);

/// ms since 1970 UTC; or why it means none: there is no such day or time of day, or the local clocks skip or repeat it.
[[nodiscard]] std::expected<std::int64_t, std::string> instant_of(DateAndTime given);

}  // namespace musher
