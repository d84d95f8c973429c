#pragma once
// Where two documents differ, field by field.

#include <string>
#include <vector>

#include "audit/replay.hpp"

namespace musher {

/// Differences in what views show, by story in the left document's list order, then the stories only the right one has.
/// With `only`, of that story alone.
[[nodiscard]] std::vector<StateDifference> differences(const Document& left, const Document& right,
                                                       const std::optional<std::string>& only);

/// Registers of which the next seq differs, in the right document's order.
[[nodiscard]] std::vector<RegisterDrift> register_drift(const Document& right, const Document& naive,
                                                        const std::optional<std::string>& only);

}  // namespace musher
