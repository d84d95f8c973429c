#pragma once
// Blocking for a file lock until a deadline. The kernel's queue does the waiting, so nobody polls and nobody starves.

#include <chrono>

namespace musher {

using SteadyTime = std::chrono::steady_clock::time_point;

/// flock(descriptor, LOCK_EX or LOCK_SH) that gives up at the deadline. Returns 0, ETIMEDOUT or another errno.
/// Exclusive locks are taken in turn: a waiter goes before a holder who comes back at once (plain flock lets it barge in).
/// Needs a descriptor open for writing when exclusive.
[[nodiscard]] int lock_until(int descriptor, int operation, SteadyTime deadline);

}  // namespace musher
