// resources/list, resources/templates/list, resources/read, resources/subscribe and unsubscribe.

#include <fmt/format.h>

#include "json/json_writer.hpp"
#include "mcp/core.hpp"

namespace musher::mcp {
namespace {

constexpr std::string_view kAfter = "after:";  // a cursor of ours: the fixed resources after this URI
constexpr std::string_view kList = "list:";    // a cursor of the lister's

RpcError invalid(std::string why) { return {.code = code::kInvalidParams, .message = std::move(why)}; }

void write_resource(JsonWriter& json, const ResourceInfo& info, std::string_view uri_key) {
  json.begin_object().key(uri_key).string(info.uri).key("name").string(info.name);
  if (!info.title.empty()) json.key("title").string(info.title);
  if (!info.description.empty()) json.key("description").string(info.description);
  if (!info.mime_type.empty()) json.key("mimeType").string(info.mime_type);
  if (info.size) json.key("size").number(*info.size);
  json.end_object();
}

}  // namespace

void Core::list_resources(Context context) {
  const JsonView sent = context.message.params["cursor"];
  const std::string_view cursor = sent.string().value_or("");
  std::optional<std::string> lister_cursor;
  const bool of_lister = sent.exists() && cursor.starts_with(kList);
  const bool of_ours = sent.exists() && cursor.starts_with(kAfter);
  if (sent.exists() && !of_lister && !of_ours)
    return refuse(context, invalid("resources/list: no cursor of this server's"));
  if (of_lister) lister_cursor = cursor.substr(kList.size());

  std::string listed;
  JsonWriter json(listed);
  json.begin_array();
  std::optional<std::string> next;
  if (!of_lister) {
    auto place = of_ours ? resources.upper_bound(cursor.substr(kAfter.size())) : resources.begin();
    std::string last;
    for (std::size_t count = 0; place != resources.end() && count < limits.page; ++place, ++count) {
      write_resource(json, place->second.info, "uri");
      last = place->first;
    }
    if (place != resources.end()) next = fmt::format("{}{}", kAfter, last);
  }
  if (!next && lister != nullptr) {
    auto page = lister(lister_cursor, context.principal);
    if (!page) return refuse(context, invalid(fmt::format("resources/list: {}", page.error().what)));
    for (const ResourceInfo& item : page->items) write_resource(json, item, "uri");
    if (page->next_cursor) next = fmt::format("{}{}", kList, *page->next_cursor);
  } else if (of_lister && lister == nullptr) {
    return refuse(context, invalid("resources/list: no cursor of this server's"));
  }
  json.end_array().end();
  std::string members = R"("resources":)" + listed;
  if (next) members += fmt::format(R"(,"nextCursor":{})", json_string(*next));
  respond(context, complete(context.era, members, CacheHint{}));
}

void Core::list_templates(Context context) {
  if (context.message.params["cursor"].exists())
    return refuse(context, invalid("resources/templates/list has one page: no cursor is valid"));
  std::string listed;
  JsonWriter json(listed);
  json.begin_array();
  for (const auto& [uri, entry] : templates) write_resource(json, entry.resource.info, "uriTemplate");
  json.end_array().end();
  respond(context, complete(context.era, R"("resourceTemplates":)" + listed, CacheHint{limits.list_ttl}));
}

void Core::read_resource(Context context) {
  constexpr std::size_t kMostUri = 2048;
  const auto uri = context.message.params["uri"].string();
  if (!uri) return refuse(context, invalid("resources/read needs a uri"));
  Call::Target target{
      .name = std::string(*uri), .arguments = {}, .handler = [](const auto& call) { call->not_found(); }};
  if (const auto fixed = resources.find(*uri); fixed != resources.end()) {
    target.handler = fixed->second.handler;
  } else if (uri->size() <= kMostUri) {
    for (const auto& [text, entry] : templates) {
      auto variables = entry.pattern.match(*uri);
      if (!variables) continue;
      target.variables = *std::move(variables);
      target.handler = entry.resource.handler;
      break;
    }
  }
  begin(std::move(context), std::move(target));
}

void Core::subscribe(Context context) {
  const auto uri = context.message.params["uri"].string();
  if (!uri || uri->empty()) return refuse(context, invalid("resources/subscribe needs a uri"));
  auto& uris = context.session->subscriptions;
  if (uris.size() >= limits.subscriptions && !uris.contains(*uri))
    return refuse(context, invalid(fmt::format("this session has {} subscriptions, the most it may", uris.size())));
  uris.emplace(*uri);
  respond(context, "{}");
}

void Core::unsubscribe(Context context) {
  const auto uri = context.message.params["uri"].string();
  if (!uri) return refuse(context, invalid("resources/unsubscribe needs a uri"));
  auto& uris = context.session->subscriptions;
  if (const auto found = uris.find(*uri); found != uris.end()) uris.erase(found);
  respond(context, "{}");
}

}  // namespace musher::mcp
