#pragma once
// Points in time, as people name them: the same forms everywhere.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/point_in_time.hpp"
#include "model/result.hpp"

namespace musher {

/// Reads row:N, op:PREFIX, @UNIX (seconds, with or without a fraction), RFC 3339 (the zone may be left out: local; so
/// may the seconds, and the whole time of day: midnight), -2h, "2 hours ago" or now. now_ms: what "now" is.
/// @errors usage: says what is wrong with it. A local time that the clocks skipped, or showed twice, is refused.
[[nodiscard]] Result<PointInTime> parse_point_in_time(std::string_view text, std::int64_t now_ms);

/// "row 7", "op 0a1b2c", or the instant as human_time.
[[nodiscard]] std::string describe(const PointInTime& point, bool utc);

}  // namespace musher
