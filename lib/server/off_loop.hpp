#pragma once
// A call's work on another thread, with a connection of its own, while the server's thread goes on answering.

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "mcp/call.hpp"
#include "server/node.hpp"
#include "server/tool_result.hpp"

namespace musher {

/// `work` reads the log on a thread of `workers`, and is cancelled with the call; `done` has its result on the server's
/// thread. When too many wait already, `done` is told so then and there.
/// To be called on the server's thread, with a call that ends there (ends_on_loop.hpp).
template <class T>
void run_off_loop(Node& node, Workers& workers, const std::shared_ptr<mcp::Call>& call,
                  std::function<Result<T>(SqliteOpLog& log, const std::atomic<bool>& cancelled)> work,
                  std::function<void(Result<T>)> done) {
  const CancelFlag flag = workers.submit(
      [&node, path = node.live.log().info().path, work = std::move(work), done](const std::atomic<bool>& cancelled) {
        auto log = SqliteOpLog::open(path, OpenMode::read);
        Result<T> result = log ? work(**log, cancelled) : std::unexpected(std::move(log).error());
        node.post([done, result = std::move(result)]() mutable { done(std::move(result)); });
      });
  if (!flag) return done(fail(Errc::busy, "too many calls that read the log wait already", "try again later"));
  call->on_cancel([flag] { flag->store(true); });
}

}  // namespace musher
