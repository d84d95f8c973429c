// prompts/list, prompts/get and completion/complete.

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"
#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

RpcError invalid(std::string why) { return {.code = code::kInvalidParams, .message = std::move(why)}; }

void write_prompt(JsonWriter& json, const Prompt& prompt) {
  json.begin_object().key("name").string(prompt.name);
  if (!prompt.title.empty()) json.key("title").string(prompt.title);
  json.key("description").string(prompt.description).key("arguments").begin_array();
  for (const PromptArgument& argument : prompt.arguments) {
    json.begin_object().key("name").string(argument.name);
    if (!argument.description.empty()) json.key("description").string(argument.description);
    json.key("required").boolean(argument.required).end_object();
  }
  json.end_array().end_object();
}

}  // namespace

void Core::list_prompts(Context context) {
  if (context.message.params["cursor"].exists())
    return refuse(context, invalid("prompts/list has one page: no cursor is valid"));
  std::string listed;
  JsonWriter json(listed);
  json.begin_array();
  for (const auto& [name, prompt] : prompts) write_prompt(json, prompt);
  json.end_array().end();
  respond(context, complete(context.era, R"("prompts":)" + listed, CacheHint{limits.list_ttl}));
}

std::optional<RpcError> Core::check_prompt_arguments(const Prompt& prompt, JsonView arguments) const {
  for (const PromptArgument& argument : prompt.arguments) {
    if (argument.required && !arguments[argument.name].exists())
      return invalid(fmt::format("prompt {}: argument {} is missing", prompt.name, argument.name));
  }
  for (const auto& [name, value] : arguments.members()) {
    if (std::ranges::find(prompt.arguments, name, &PromptArgument::name) == prompt.arguments.end())
      return invalid(fmt::format("prompt {}: unknown argument {}", prompt.name, name));
    if (!value.string()) return invalid(fmt::format("prompt {}: argument {} is not a string", prompt.name, name));
  }
  return std::nullopt;
}

void Core::get_prompt(Context context) {
  const JsonView params = context.message.params;
  const auto name = params["name"].string();
  if (!name) return refuse(context, invalid("prompts/get needs a name"));
  const auto found = prompts.find(*name);
  if (found == prompts.end()) return refuse(context, invalid(fmt::format("unknown prompt: {}", *name)));
  JsonView arguments = params["arguments"];
  if (!arguments.exists()) arguments = no_arguments_->root();
  if (!arguments.is_object()) return refuse(context, invalid("the arguments are not an object"));
  if (auto problem = check_prompt_arguments(found->second, arguments)) return refuse(context, *std::move(problem));
  Call::Target target{.name = found->second.name, .arguments = arguments, .handler = found->second.handler};
  begin(std::move(context), std::move(target));
}

void Core::complete_argument(Context context) {
  constexpr std::size_t kMostValues = 100;  // the protocol's
  const JsonView params = context.message.params;
  const JsonView ref = params["ref"];
  const auto argument = params["argument"]["name"].string();
  const auto value = params["argument"]["value"].string();
  if (!argument || !value)
    return refuse(context, invalid("completion/complete needs argument.name and argument.value"));

  const std::map<std::string, Completer, std::less<>>* completers = nullptr;
  std::string_view key;
  if (ref["type"].string() == "ref/prompt") {
    key = ref["name"].string().value_or("");
    if (prompts.contains(key)) completers = &prompt_completers;
  } else if (ref["type"].string() == "ref/resource") {
    key = ref["uri"].string().value_or("");
    if (templates.contains(key) || resources.contains(key)) completers = &resource_completers;
  }
  if (completers == nullptr)
    return refuse(context, invalid("completion/complete: ref names no prompt or resource template"));

  CompletionRequest request{.argument = *argument, .value = *value, .principal = context.principal};
  for (const auto& [name, known] : params["context"]["arguments"].members())
    request.arguments.emplace_back(name, known.string().value_or(""));
  CompletionValues found;
  if (const auto completer = completers->find(key); completer != completers->end()) found = completer->second(request);

  std::string members;
  const std::uint64_t total = std::max<std::uint64_t>(found.total.value_or(0), found.values.size());
  const bool more = total > kMostValues || found.values.size() > kMostValues;
  if (found.values.size() > kMostValues) found.values.resize(kMostValues);
  JsonWriter json(members);
  json.begin_object().key("values").begin_array();
  for (const std::string& text : found.values) json.string(text);
  json.end_array();
  if (found.total) json.key("total").number(total);
  json.key("hasMore").boolean(more || total > found.values.size()).end_object().end();
  respond(context, complete(context.era, R"("completion":)" + members));
}

}  // namespace musher::mcp
