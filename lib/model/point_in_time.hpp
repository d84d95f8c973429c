#pragma once
// A point in the life of one log, as a person names it. cli/point_in_time_text.hpp reads the text; the log resolves it
// to a row.

#include <cstdint>
#include <string>
#include <variant>

#include "model/ids.hpp"

namespace musher {

/// The log up to this row, the row included.
struct AtRow {
  RowId row{};
  bool operator==(const AtRow&) const = default;
};

/// The log up to the op whose id begins with these hex digits (6 to 64, lower case), the op included.
struct AtOpPrefix {
  std::string prefix;
  bool operator==(const AtOpPrefix&) const = default;
};

/// The log before its first row that was received later than this: ms since 1970 UTC, by this node's clock.
struct AtInstant {
  std::int64_t ms = 0;
  bool operator==(const AtInstant&) const = default;
};

using PointInTime = std::variant<AtRow, AtOpPrefix, AtInstant>;

}  // namespace musher
