#pragma once
// A client of the modern era (2026-07-28): each call says all there is to know, and a question comes back as a result.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "mcp/json_view.hpp"
#include "model/result.hpp"

namespace musher::mcp {

/// What a tool answered, when it did not fail.
struct ToolReply {
  std::shared_ptr<const JsonDocument> document;  ///< owns `structured`
  JsonView structured;                           ///< the result's structuredContent
};

class Client {
 public:
  /// Says yes or no to what the server asks before it goes on; called once for each question.
  using Confirm = std::function<bool(std::string_view question)>;

  /// version: of this program, for the server's log.
  Client(http::Client http, std::string version) : http_(std::move(http)), version_(std::move(version)) {}

  /// arguments: a JSON object. Without `confirm` the server learns that there is nobody to ask.
  /// @errors what the tool's error says, with its code, hint and candidates.  refused: the token is missing, not known
  ///   or not enough; the server has no such tool; it asks what cannot be answered here.  busy: the server is full, or
  ///   a time limit.  io: no connection, or no MCP server.
  [[nodiscard]] Result<ToolReply> call_tool(std::string_view name, std::string_view arguments, http::Effect effect,
                                            const Confirm& confirm = {});

 private:
  http::Client http_;
  std::string version_;
  std::int64_t last_id_ = 0;
};

}  // namespace musher::mcp
