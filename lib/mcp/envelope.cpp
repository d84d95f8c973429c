#include "mcp/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace musher::mcp {

bool claims_modern(const Message& message) {
  return message.params["_meta"][meta::kProtocolVersion].exists() || message.method == "server/discover" ||
         message.method == "subscriptions/listen";
}

std::optional<RpcError> read_meta(Context& context) {
  const auto invalid = [](std::string why) {
    return RpcError{.code = code::kInvalidParams, .message = std::move(why), .http_status = 400};
  };
  const JsonView sent = context.message.params["_meta"];
  if (!sent.is_object()) return invalid("params._meta is missing: each request carries it from 2026-07-28 on");
  const auto version = sent[meta::kProtocolVersion].string();
  if (!version) return invalid(fmt::format("params._meta[\"{}\"] is missing", meta::kProtocolVersion));
  const JsonView capabilities = sent[meta::kClientCapabilities];
  if (!capabilities.is_object())
    return invalid(fmt::format("params._meta[\"{}\"] is missing", meta::kClientCapabilities));
  context.era = Era::modern;
  context.version = *version;
  context.abilities = Abilities::of(capabilities);
  if (const JsonView level = sent[meta::kLogLevel]; level.exists()) {
    const auto found = std::ranges::find(kLogLevels, level.string().value_or(""));
    if (found == kLogLevels.end()) return invalid(fmt::format("params._meta[\"{}\"] is no log level", meta::kLogLevel));
    context.log_level = static_cast<LogLevel>(found - kLogLevels.begin());
  }
  return std::nullopt;
}

std::optional<RpcError> check_version(std::string_view version) {
  if (version == kModernVersion) return std::nullopt;
  return RpcError{.code = code::kUnsupportedVersion,
                  .message = fmt::format("unsupported protocol version; this server serves {}", versions_served()),
                  .data = fmt::format(R"({{"supported":["{}"],"requested":{}}})", kModernVersion, json_string(version)),
                  .http_status = 400};
}

}  // namespace musher::mcp
