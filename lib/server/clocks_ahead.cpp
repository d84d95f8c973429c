#include "server/clocks_ahead.hpp"

#include "audit/clock_check.hpp"

namespace musher {

void ClocksAhead::came(const OpId& id, const Op& op, std::int64_t now_ms) {
  const std::int64_t by_ms = ms_ahead(op.time_ms, now_ms);
  if (by_ms > ClockCheck::kToleranceMs && told_.insert(op.author).second) tell_(op.author, id, by_ms);
}

}  // namespace musher
