#pragma once
// What is wrong with a server now: the same for /readyz and for get_node.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "server/node.hpp"

namespace musher {

struct NodeProblem {
  enum class Kind : std::uint8_t {
    bad_log,        ///< it follows its log no more: health is failed
    own_ops,        ///< own ops are elsewhere: writes are refused, reads and sync go on
    write_is_slow,  ///< others hold the log's lock
  };
  Kind kind{};
  std::string what;  ///< for people
};

/// The worst; nothing when all is well.
[[nodiscard]] std::optional<NodeProblem> problem_of(const Node& node);

/// How long the write under way has been running: a lock that others hold.
[[nodiscard]] std::chrono::duration<double> write_running(const Node& node);

}  // namespace musher
