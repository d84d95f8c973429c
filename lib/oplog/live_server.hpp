#pragma once
// A server that has the log open, and what it says to a write.

#include <cstdint>

#include "model/ids.hpp"

namespace musher {

enum class ServerHealth : std::uint8_t {
  ok,
  read_only,  ///< it answers and follows; its own writes are off
  failed,     ///< it stopped following the log
};

/// One slot that is held now.
struct LiveServer {
  std::int64_t pid = 0;
  bool other_namespace = false;  ///< the PID is of another PID namespace: a container
  ServerHealth health = ServerHealth::ok;
  RowId applied{};  ///< the last row in its memory
};

enum class Confirmation : std::uint8_t {
  applied,
  timeout,  ///< alive, and had not come so far in time
  refused,  ///< it has stopped following the log
};

/// What one server said to a write.
struct LiveAnswer {
  LiveServer server;
  Confirmation status = Confirmation::applied;
  std::int64_t elapsed_ms = 0;
};

}  // namespace musher
