#pragma once
// The words of the Model Context Protocol in both of its eras (docs/decisions/0007-mcp-layer.md).

#include <array>
#include <string>
#include <string_view>

namespace musher::mcp {

/// modern: 2026-07-28, stateless, facts of the client in each request's _meta. legacy: initialize, then a session.
enum class Era { modern, legacy };

/// Served in the modern era; what server/discover and the error -32022 list.
inline constexpr std::string_view kModernVersion = "2026-07-28";
/// Served after initialize, newest first.
inline constexpr std::array<std::string_view, 3> kLegacyVersions{"2025-11-25", "2025-06-18", "2025-03-26"};
[[nodiscard]] bool is_legacy_version(std::string_view version);

namespace meta {
inline constexpr std::string_view kProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kClientCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kSubscriptionId = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view kLogLevel = "io.modelcontextprotocol/logLevel";
}  // namespace meta

namespace code {
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kLegacyResourceNotFound = -32002;
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
}  // namespace code

/// A JSON-RPC error. http_status is what a transport with statuses answers it with.
struct RpcError {
  int code = code::kInternalError;
  std::string message;
  std::string data{};  ///< JSON; empty: none
  unsigned http_status = 200;
};

/// RFC 5424's levels, as MCP names them, the least first.
enum class LogLevel { debug, info, notice, warning, error, critical, alert, emergency };
inline constexpr std::array<std::string_view, 8> kLogLevels{"debug", "info",     "notice", "warning",
                                                            "error", "critical", "alert",  "emergency"};

/// "2026-07-28, 2025-11-25, ...": for the errors of a client that got lost.
[[nodiscard]] std::string versions_served();

}  // namespace musher::mcp
