#include "server/long_work.hpp"

#include "server/off_loop.hpp"

namespace musher {
namespace {

constexpr std::uint64_t kProgressRows = 1'024;

}  // namespace

std::function<void(std::uint64_t)> progress_of(Node& node, const std::shared_ptr<mcp::Call>& call,
                                               std::uint64_t total) {
  return [&node, call, total](std::uint64_t rows) {
    if (rows % kProgressRows != 0 && rows != total) return;
    node.post([call, rows, total] { call->progress(static_cast<double>(rows), static_cast<double>(total), "rows"); });
  };
}

void run_long(Node& node, const std::shared_ptr<mcp::Call>& call, LongWork work) {
  run_off_loop<mcp::ToolResult>(
      node, node.workers, call,
      [&node, call, work = std::move(work)](SqliteOpLog& log, const std::atomic<bool>& cancelled) {
        return work(log, cancelled, progress_of(node, call, log.count().value_or(0)));
      },
      [&node, call](Result<mcp::ToolResult> result) {
        if (!result) return call->finish(error_result(result.error()));
        if (!node.live.problem().empty())
          result->content.text("This is about the file; this server does not follow it any more: " +
                               node.live.problem());
        call->finish(*std::move(result));
      });
}

}  // namespace musher
