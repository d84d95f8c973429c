#pragma once
// Instants as JSON has them.

#include <cstdint>
#include <string>

namespace musher {

/// RFC 3339 in UTC with milliseconds: "2026-04-09T12:00:00.000Z". Any int64 is printed: years past 9999 or before 0
/// with a sign, as ISO 8601 does.
[[nodiscard]] std::string to_utc(std::int64_t ms_since_1970);

}  // namespace musher
