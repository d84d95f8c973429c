#include "server/log_limiter.hpp"

#include <algorithm>

namespace musher {

void LogLimiter::line(LogLevel level, std::string_view event, const LogFields& fields, Time now) {
  const auto [found, first] = budgets_.try_emplace(std::string(event));
  Budget& budget = found->second;
  if (first) budget.filled = now;
  const auto more = (now - budget.filled) / kOneMore;
  budget.filled += more * kOneMore;
  budget.lines = std::min(kAtOnce, budget.lines + static_cast<std::uint64_t>(more));
  if (budget.lines == 0) {
    ++budget.left_out;
    return;
  }
  --budget.lines;
  log_(level, event, fields);
}

void LogLimiter::summarize(Time now) {
  if (now < next_summary_) return;
  next_summary_ = now + kSummary;
  finish();
}

void LogLimiter::finish() {
  for (auto& [event, budget] : budgets_) {
    if (budget.left_out == 0) continue;
    log_(LogLevel::warning, "lines left out", {{"of", event}, {"count", std::to_string(budget.left_out)}});
    budget.left_out = 0;
  }
}

}  // namespace musher
