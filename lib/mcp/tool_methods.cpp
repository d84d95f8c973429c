// tools/list and tools/call.

#include <fmt/format.h>

#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

RpcError invalid(std::string why) { return {.code = code::kInvalidParams, .message = std::move(why)}; }

std::string result_members(const Tool& tool, const ToolResult& result) {
  Content content = result.content;
  if (!result.structured.empty() && tool.structured_as_text && !result.is_error) content.text(result.structured);
  std::string members;
  members.reserve(content.blocks().size() + result.structured.size() + 64);
  members.append(R"("content":[)").append(content.blocks()).append("]");
  if (!result.structured.empty()) members.append(R"(,"structuredContent":)").append(result.structured);
  if (result.is_error) members.append(R"(,"isError":true)");
  return members;
}

}  // namespace

void Core::list_tools(Context context) {
  if (context.message.params["cursor"].exists())
    return refuse(context, invalid("tools/list has one page: no cursor is valid"));
  const bool may_write = !context.principal.read_only;
  std::string& result = tool_lists_[fmt::format("{} {}", context.era == Era::modern, may_write)];
  if (result.empty()) {
    std::string listed;
    for (const auto& [name, entry] : tools) {
      if (entry->tool.writes && !may_write) continue;
      if (!listed.empty()) listed += ',';
      listed += entry->listed;
    }
    result = complete(context.era, fmt::format(R"("tools":[{}])", listed), CacheHint{limits.list_ttl});
  }
  respond(context, result);
}

void Core::call_tool(Context context) {
  const JsonView params = context.message.params;
  const auto name = params["name"].string();
  if (!name) return refuse(context, invalid("tools/call needs a name"));
  const auto found = tools.find(*name);
  if (found == tools.end()) return refuse(context, invalid(fmt::format("unknown tool: {}", *name)));
  const std::shared_ptr<ToolEntry> entry = found->second;
  const Tool& tool = entry->tool;

  JsonView arguments = params["arguments"];
  if (!arguments.exists()) arguments = no_arguments_->root();
  if (!arguments.is_object()) return refuse(context, invalid("the arguments are not an object"));
  const auto answer = [&](const ToolResult& result) {
    respond(context, complete(context.era, result_members(tool, result)));
  };
  if (tool.writes && context.principal.read_only) {
    const std::string why = fmt::format("{} writes, and {} may only read", tool.name, context.principal.name);
    on_refused({0, why, context.peer, context.principal.name});
    return answer(
        error_result({Errc::refused, why, "the token is read-only: ask the server's operator for one that may write"}));
  }
  if (const std::string problem = entry->schema.problem(arguments, "argument", "the arguments"); !problem.empty())
    return answer(error_result({Errc::usage, fmt::format("{}: {}", tool.name, problem),
                                fmt::format("tools/list has the arguments of {}", tool.name)}));

  std::string key;
  if (tool.memo) {
    key = fmt::format("{} {}\n{}", context.version, tool.name, arguments.text());
    if (const auto kept = memo.find(key))
      return context.reply->respond_shared(response_start(context.message.id), kept);
  }
  Call::Target target{.name = tool.name, .arguments = arguments, .handler = tool.handler};
  target.on_tool_result = [this, entry, era = context.era, key,
                           generation = memo.generation()](const ToolResult& result) {
    const auto rest =
        std::make_shared<const std::string>(response_rest(complete(era, result_members(entry->tool, result))));
    if (entry->tool.memo && result.may_keep && !result.is_error) memo.keep(key, rest, generation);
    return rest;
  };
  begin(std::move(context), std::move(target));
}

}  // namespace musher::mcp
