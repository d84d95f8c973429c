#pragma once
// A first run of a log that was checked before under another id.

#include <optional>

#include "audit/high_water_mark.hpp"
#include "model/result.hpp"
#include "oplog/op_log.hpp"

namespace musher {

/// Which of these notes of other logs is of the very rows of this one: the chain digest from that log's id on, which
/// also covers when each row was received and from whom, comes out as noted. Two replicas of one document never agree
/// so. Reads the rows once.
/// @errors as LogReader::scan.
[[nodiscard]] Result<std::optional<HighWaterMark>> find_same_rows(LogReader& log, std::vector<HighWaterMark> others);

}  // namespace musher
