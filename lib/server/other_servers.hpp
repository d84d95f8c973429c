#pragma once
// Other servers of the same log: a daemon and one that a client started with --stdio.

#include <cstdint>
#include <optional>

#include "server/live_log.hpp"

namespace musher {

/// When the eldest of them that sync began, by this machine's clock; 0 when it cannot be said (it is in another PID
/// namespace). Nothing: there is none, or who has the log open cannot be read.
[[nodiscard]] std::optional<std::int64_t> others_sync_since_ms(LiveLog& live);

}  // namespace musher
