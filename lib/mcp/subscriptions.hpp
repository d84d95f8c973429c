#pragma once
// subscriptions/listen of the modern era: streams that tell what changed.

#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "mcp/reply.hpp"

namespace musher::mcp {

enum class Change { tools, prompts, resources, one_resource };

/// "notifications/tools/list_changed" ...
[[nodiscard]] std::string_view notification_of(Change change);

struct Listen {
  std::string id;  ///< of the request, JSON text; tags every message of the stream
  bool tools = false, prompts = false, resources = false;
  std::set<std::string, std::less<>> uris{};
  std::shared_ptr<Reply> reply;
  bool on_stdio = false;
  std::string end_result{};  ///< the response at the server's own end

  [[nodiscard]] bool wants(Change change, std::string_view uri) const;
  /// {"_meta":{subscriptionId}} with these members in front ("\"uri\":\"...\",").
  [[nodiscard]] std::string tagged(std::string_view members) const;
};

class Subscriptions {
 public:
  using Key = std::uint64_t;
  Key add(Listen listen);
  void remove(Key key);
  void publish(Change change, std::string_view uri = {});
  /// Answers one, or all: the server goes, or will hear no more of the client.
  void end(Key key);
  void end_all();
  [[nodiscard]] std::size_t size() const { return listens_.size(); }

 private:
  std::list<std::pair<Key, Listen>> listens_;
  Key next_ = 1;
};

}  // namespace musher::mcp
