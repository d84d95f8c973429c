#pragma once
// Work that reads much of the log, on a worker's thread and with a connection of its own: the server's thread goes on
// answering, and the client is told how far it is and can cancel.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "mcp/call.hpp"
#include "mcp/content.hpp"
#include "server/node.hpp"

namespace musher {

/// Off the server's thread. What it returns ends the call, on the server's.
using LongWork = std::function<Result<mcp::ToolResult>(SqliteOpLog& log, const std::atomic<bool>& cancelled,
                                                       const std::function<void(std::uint64_t)>& progress)>;

/// To be called on the server's thread, with a call that ends there (ends_on_loop.hpp).
void run_long(Node& node, const std::shared_ptr<mcp::Call>& call, LongWork work);

/// Tells the client every thousand rows of `total`, from any thread: the call is only touched on the server's.
[[nodiscard]] std::function<void(std::uint64_t)> progress_of(Node& node, const std::shared_ptr<mcp::Call>& call,
                                                             std::uint64_t total);

}  // namespace musher
