#pragma once
// Times, durations and points in time, as people read and write them. JSON's form is to_utc of model/utc.hpp.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/point_in_time.hpp"
#include "model/result.hpp"

namespace musher {

/// "2026-11-22 11:51:24 +01:00" in the zone of TZ, or "2026-11-22 10:51:24 UTC".
[[nodiscard]] std::string human_time(std::int64_t ms_since_1970, bool utc);

/// Reads 500ms, 5s, 10m, 2h or 14d: a whole number and one unit.
/// @errors usage.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// For people, one or two units: "340 ms", "5 s", "3 min 20 s", "2 h 5 min", "14 d 3 h".
[[nodiscard]] std::string human_duration(std::chrono::milliseconds duration);

/// Reads row:N, op:PREFIX, @UNIX (seconds, with or without a fraction), RFC 3339 (the zone may be left out: local; so may
/// the seconds, and the whole time of day: midnight), -2h, "2 hours ago" or now. now_ms: what "now" is.
/// @errors usage: says what is wrong with it. A local time that the clocks skipped, or showed twice, is refused.
[[nodiscard]] Result<PointInTime> parse_point_in_time(std::string_view text, std::int64_t now_ms);

/// "row 7", "op 0a1b2c", or the instant as human_time.
[[nodiscard]] std::string describe(const PointInTime& point, bool utc);

}  // namespace musher
