#pragma once
// Times and durations, as people read and write them. JSON's form of a time is to_utc of model/utc.hpp.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher {

/// "2026-11-22 11:51:24 +01:00" in the zone of TZ, or "2026-11-22 10:51:24 UTC".
[[nodiscard]] std::string human_time(std::int64_t ms_since_1970, bool utc);

/// Reads 500ms, 5s, 10m, 2h or 14d: a whole number and one unit.
/// @errors usage.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The same, or 0: how often something is done, and never.
[[nodiscard]] Result<std::chrono::milliseconds> parse_interval(std::string_view text);

/// For people, one or two units: "340 ms", "5 s", "3 min 20 s", "2 h 5 min", "14 d 3 h".
[[nodiscard]] std::string human_duration(std::chrono::milliseconds duration);

}  // namespace musher
