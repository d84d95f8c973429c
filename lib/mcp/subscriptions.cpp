#include "mcp/subscriptions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "mcp/json_view.hpp"
#include "mcp/message.hpp"
#include "mcp/protocol.hpp"

namespace musher::mcp {

std::string_view notification_of(Change change) {
  switch (change) {
    case Change::tools: return "notifications/tools/list_changed";
    case Change::prompts: return "notifications/prompts/list_changed";
    case Change::resources: return "notifications/resources/list_changed";
    case Change::one_resource: return "notifications/resources/updated";
  }
  return {};
}

bool Listen::wants(Change change, std::string_view uri) const {
  switch (change) {
    case Change::tools: return tools;
    case Change::prompts: return prompts;
    case Change::resources: return resources;
    case Change::one_resource: return uris.contains(uri);
  }
  return false;
}

std::string Listen::tagged(std::string_view members) const {
  return fmt::format(R"({{{}"_meta":{{"{}":{}}}}})", members, meta::kSubscriptionId, id);
}

Subscriptions::Key Subscriptions::add(Listen listen) {
  listens_.emplace_back(next_, std::move(listen));
  return next_++;
}

void Subscriptions::remove(Key key) {
  std::erase_if(listens_, [&](const auto& entry) { return entry.first == key; });
}

void Subscriptions::publish(Change change, std::string_view uri) {
  const std::string members =
      change == Change::one_resource ? fmt::format(R"("uri":{},)", json_string(uri)) : std::string();
  std::vector<Key> gone;
  for (const auto& [key, listen] : listens_) {
    if (!listen.wants(change, uri)) continue;
    if (!listen.reply->send(notification(notification_of(change), listen.tagged(members)))) gone.push_back(key);
  }
  for (const Key key : gone) remove(key);
}

void Subscriptions::end(Key key) {
  const auto found = std::ranges::find(listens_, key, &std::pair<Key, Listen>::first);
  if (found == listens_.end()) return;
  const Listen listen = std::move(found->second);
  listens_.erase(found);
  if (listen.on_stdio)
    listen.reply->send(notification("notifications/cancelled", fmt::format(R"({{"requestId":{}}})", listen.id)));
  listen.reply->respond(response(listen.id, listen.end_result), 200);
}

void Subscriptions::end_all() {
  while (!listens_.empty()) end(listens_.front().first);
}

}  // namespace musher::mcp
