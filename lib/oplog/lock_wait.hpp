#pragma once
// Blocking for a file lock until a deadline. The kernel's queue does the waiting, so nobody polls and nobody starves.

#include <chrono>

namespace musher {

using SteadyTime = std::chrono::steady_clock::time_point;

/// flock(descriptor, LOCK_EX or LOCK_SH) that gives up at the deadline. Returns 0, ETIMEDOUT or another errno.
[[nodiscard]] int lock_until(int descriptor, int operation, SteadyTime deadline);

}  // namespace musher
