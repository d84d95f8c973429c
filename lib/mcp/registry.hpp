#pragma once
// What a server offers: tools, resources, prompts and completions, as its owner registers them.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.hpp"
#include "model/result.hpp"

namespace musher::mcp {

class Call;
/// Answers a call: at once, or later on the same thread, by holding on to it. Called again when an answer came to what
/// it asked (Call::ask). A call that is let go unanswered is answered with an internal error.
using Handler = std::function<void(std::shared_ptr<Call>)>;

/// Hints for clients, with the protocol's own defaults, which are the worst case.
struct ToolAnnotations {
  bool read_only = false;
  bool destructive = true;
  bool idempotent = false;
  bool open_world = true;
};

struct Tool {
  std::string name;  ///< 1 to 64 of [A-Za-z0-9_.-]
  std::string title{};
  std::string description;
  /// JSON Schema of the arguments: "type":"object" with "properties" at its top. What Schema (schema.hpp) knows of it
  /// is enforced before the handler runs; an argument that does not fit is a result with isError that names it.
  std::string input_schema = R"({"type":"object","properties":{},"additionalProperties":false})";
  std::string output_schema{};  ///< JSON Schema of structured, an object; empty: none
  ToolAnnotations annotations{};
  bool writes = false;  ///< hidden from, and refused to, a read-only principal
  /// The result depends on the arguments and on what changed() tells of alone: a complete one is kept, as bytes, until
  /// then, and given to the next who asks the same without calling the handler.
  bool memo = false;
  /// The structured content goes out a second time, as a text block, for clients that know only those.
  bool structured_as_text = true;
  Handler handler{};
};

struct ResourceInfo {
  std::string uri;
  std::string name;
  std::string title{};
  std::string description{};
  std::string mime_type{};
  std::optional<std::uint64_t> size{};  ///< bytes
};

/// One resource with a fixed URI. The handler finishes with a ResourceResult.
struct Resource {
  ResourceInfo info;
  Handler handler{};
};

/// Resources by RFC 6570 template, level 1: "musher://story/{id}". A variable is one or more characters without a '/',
/// and reaches the handler (Call::variable) with its percent-encoding undone.
struct ResourceTemplate {
  ResourceInfo info;  ///< uri: the template
  Handler handler{};
};

struct ResourcePage {
  std::vector<ResourceInfo> items;
  std::optional<std::string> next_cursor{};  ///< nothing: this was the last
};

/// Lists the resources that templates serve, a page at a time, after those with a fixed URI. cursor: a next_cursor of
/// this function, or nothing for the first page. Error: the cursor is not one of its own.
using ResourceLister =
    std::function<Result<ResourcePage>(const std::optional<std::string>& cursor, const http::Principal&)>;

struct PromptArgument {
  std::string name;
  std::string description{};
  bool required = false;
};

/// The handler finishes with a PromptResult. All arguments are strings.
struct Prompt {
  std::string name;
  std::string title{};
  std::string description;
  std::vector<PromptArgument> arguments{};
  Handler handler{};
};

struct CompletionRequest {
  std::string_view argument;
  std::string_view value;                                                  ///< what was typed so far
  std::vector<std::pair<std::string_view, std::string_view>> arguments{};  ///< those that are known already
  http::Principal principal{};
};

struct CompletionValues {
  std::vector<std::string> values;       ///< the best first; those after the 100th are not sent
  std::optional<std::uint64_t> total{};  ///< how many there are, where that is known
};

/// Completes arguments of a prompt (by name) or of a resource template (by its text).
using Completer = std::function<CompletionValues(const CompletionRequest&)>;

}  // namespace musher::mcp
