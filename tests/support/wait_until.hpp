#pragma once

#include <chrono>
#include <functional>

namespace musher::testing {

inline constexpr std::chrono::seconds kPatience{60};

/// Asks every millisecond until the condition holds; false when it did not within `patience`.
[[nodiscard]] bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds patience = kPatience);

}  // namespace musher::testing
