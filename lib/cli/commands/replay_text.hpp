#pragma once
// musher replay for people. Free to change: programs read --json.

#include <string>

#include "audit/replay.hpp"
#include "cli/terminal.hpp"

namespace musher {

[[nodiscard]] std::string replay_text(const ReplayReport& report, const TrustPolicy& trust, const Terminal& terminal);
[[nodiscard]] std::string comparison_text(const Comparison& comparison, const Terminal& terminal);

}  // namespace musher
