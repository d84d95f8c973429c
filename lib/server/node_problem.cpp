#include "server/node_problem.hpp"

namespace musher {
namespace {

constexpr std::chrono::milliseconds kSlowWrite{1'000};

}  // namespace

std::chrono::duration<double> write_running(const Node& node) {
  const auto since = node.writer != nullptr ? node.writer->busy_since() : std::nullopt;
  return since ? std::chrono::steady_clock::now() - *since : std::chrono::steady_clock::duration{};
}

std::optional<NodeProblem> problem_of(const Node& node) {
  using Kind = NodeProblem::Kind;
  if (node.live.health() == ServerHealth::failed) return NodeProblem{Kind::bad_log, node.live.problem()};
  if (auto elsewhere = node.own_op_elsewhere()) return NodeProblem{Kind::own_ops, *std::move(elsewhere)};
  if (write_running(node) > kSlowWrite)
    return NodeProblem{Kind::write_is_slow, "a write has been waiting for the log's lock for over a second"};
  return std::nullopt;
}

}  // namespace musher
