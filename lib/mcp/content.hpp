#pragma once
// What tools, prompts and resources answer with, and the builders of its parts. JSON in here is text on one line.

#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher::mcp {

/// A list of content blocks: Content().text("done").link(uri, name).
class Content {
 public:
  Content& text(std::string_view text);
  Content& image(std::string_view base64, std::string_view mime_type);
  Content& audio(std::string_view base64, std::string_view mime_type);
  /// An embedded resource with text.
  Content& resource(std::string_view uri, std::string_view mime_type, std::string_view text);
  Content& link(std::string_view uri, std::string_view name, std::string_view mime_type = {});

  [[nodiscard]] const std::string& blocks() const { return blocks_; }  ///< comma-separated
  [[nodiscard]] std::string array() const { return "[" + blocks_ + "]"; }

 private:
  std::string& next();
  std::string blocks_;
};

struct ToolResult {
  Content content;
  std::string structured{};  ///< JSON; empty: none. Required where the tool has an output schema, save for errors
  bool is_error = false;
  bool may_keep = true;  ///< of a memo tool: false when it also depends on something else, such as the time
};

/// An answer whose content is the one-line summary for people, escaped.
[[nodiscard]] ToolResult structured_result(std::string_view summary, std::string structured);
/// An answer that says why it could not be done, so that a model may try again.
[[nodiscard]] ToolResult error_result(std::string_view why);
/// The same as {"code","message","hint","candidates"?}, escaped and without the middle of what is long (but the
/// candidates); the text says it, too, and `notice` below it.
[[nodiscard]] ToolResult error_result(const Error& error, std::string_view notice = {});

/// The messages of a prompt, in their order.
struct PromptResult {
  std::string description{};
  std::string messages{};  ///< comma-separated

  /// role: "user" or "assistant". One message a content block.
  PromptResult& add(std::string_view role, const Content& one_block);
};

/// The contents of a resource.
struct ResourceResult {
  std::string contents{};  ///< comma-separated

  ResourceResult& text(std::string_view uri, std::string_view mime_type, std::string_view text);
  ResourceResult& blob(std::string_view uri, std::string_view mime_type, std::string_view base64);
};

}  // namespace musher::mcp
