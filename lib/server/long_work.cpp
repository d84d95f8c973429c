#include "server/long_work.hpp"

#include "server/tool_result.hpp"

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
  const std::string path = node.live.log().info().path;
  const CancelFlag flag = node.workers.submit([&node, call, path,
                                               work = std::move(work)](const std::atomic<bool>& cancelled) {
    auto log = SqliteOpLog::open(path, OpenMode::read);
    Result<mcp::ToolResult> result = std::unexpected(Error{});
    if (!log)
      result = std::unexpected(std::move(log).error());
    else
      result = work(**log, cancelled, progress_of(node, call, (*log)->count().value_or(0)));
    node.post([&node, call, result = std::move(result)]() mutable {
      if (!result) return call->finish(error_result(result.error()));
      if (!node.live.problem().empty())
        result->content.text("This is about the file; this server does not follow it any more: " + node.live.problem());
      call->finish(*std::move(result));
    });
  });
  if (!flag) {
    return call->finish(error_result({Errc::busy, "too many audits and replays wait already", "try again later"}));
  }
  call->on_cancel([flag] { flag->store(true); });
}

}  // namespace musher
