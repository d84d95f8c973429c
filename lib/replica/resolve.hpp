#pragma once
// From what a person names to what the log holds: points in time and op id prefixes.

#include <optional>
#include <string>

#include "model/point_in_time.hpp"
#include "oplog/op_log.hpp"

namespace musher {

struct ResolvedPoint {
  RowId row{};                              ///< the log up to and including this row; 0: before every op
  std::optional<std::int64_t> received_ms;  ///< when that row was received; absent before every op
};

/// @errors usage: a row past the last or below 0.  not_found, ambiguous: op prefixes, as find_op.  io, busy.
[[nodiscard]] Result<ResolvedPoint> resolve(LogReader& log, const PointInTime& point);

/// The op whose id begins with these 6 to 64 hex digits.
/// @errors usage: not 6 to 64 hex digits.  not_found.  ambiguous: candidates in full.
[[nodiscard]] Result<OpId> find_op(LogReader& log, const std::string& prefix);

}  // namespace musher
