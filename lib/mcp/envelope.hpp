#pragma once
// Which era a message belongs to, and what a modern request says of itself in _meta.

#include <expected>
#include <optional>

#include "mcp/call.hpp"
#include "mcp/message.hpp"
#include "mcp/protocol.hpp"

namespace musher::mcp {

/// Its _meta names a protocol version, or its method is one that only modern clients know.
[[nodiscard]] bool claims_modern(const Message& message);

/// Fills a modern request's facts in from _meta. Error (-32602): a required key is missing or has the wrong type.
[[nodiscard]] std::optional<RpcError> read_meta(Context& context);

/// Error (-32022) unless this server serves the version to modern requests.
[[nodiscard]] std::optional<RpcError> check_version(std::string_view version);

}  // namespace musher::mcp
