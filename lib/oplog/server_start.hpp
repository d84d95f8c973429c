#pragma once
// Since when live servers of a log are there: what was written down before that was so with one that is gone.

#include <cstdint>
#include <optional>
#include <span>

#include "oplog/live_server.hpp"

namespace musher {

/// When the eldest of those that sync began, by this machine's clock (ms since 1970 UTC); 0 when it cannot be said (it
/// is in another PID namespace). Nothing: none of them syncs, since one that does not write does not.
[[nodiscard]] std::optional<std::int64_t> syncing_since_ms(std::span<const LiveServer> servers);

}  // namespace musher
