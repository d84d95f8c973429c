#pragma once
// An MCP server, both eras at once. Knows nothing of what it serves: that is registered with it. One thread.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/options.hpp"
#include "mcp/registry.hpp"
#include "mcp/scheduler.hpp"

namespace musher::mcp {

struct ServerInfo {
  std::string name;
  std::string title{};
  std::string version;
  std::string instructions{};  ///< for the model, what this server is good for; empty: none
  bool logging = false;        ///< handlers use Call::log
};

/// Nothing here grows without one of these. Reached, they refuse, or take the place of what was idle longest.
struct Limits {
  std::size_t message_bytes = 4 << 20;
  /// Of all messages over HTTP that are being answered, those of 16 KiB and less left out: 503. What they take is up to
  /// ten times as much, since a parsed message is larger.
  std::size_t request_bytes = 64 << 20;
  std::size_t batch_messages = 100;
  std::size_t sessions = 10'000;
  std::chrono::seconds session_idle{1800};
  std::size_t in_flight = 256;            ///< requests of one session or stdio connection, whose next lines wait
  std::size_t listens = 1024;             ///< subscriptions/listen
  std::size_t subscriptions = 1000;       ///< URIs of one session or listen
  std::size_t questions = 32;             ///< asked at once in one legacy session
  std::chrono::seconds answer_time{300};  ///< for the user's answer, in both eras
  std::size_t used_answers = 10'000;      ///< remembered, so that none serves twice
  std::size_t memo_bytes = 64 << 20;
  std::size_t page = 100;                      ///< resources with a fixed URI on one page
  std::chrono::milliseconds list_ttl{60'000};  ///< how long a client may keep tools, prompts, templates, discover
};

class Core;

class Server {
 public:
  /// The scheduler must outlive the server.
  Server(ServerInfo info, Scheduler& scheduler, Limits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  ///< shuts down

  // Registering, at any time; a name that is there already is replaced. Those that can be listed tell clients so.
  // Errors (usage): a name or schema that the protocol does not allow.
  Result<void> add(Tool tool);
  Result<void> add(Prompt prompt);
  Result<void> add(Resource resource);
  Result<void> add(ResourceTemplate resource_template);
  void set_lister(ResourceLister lister);
  void complete_prompt(std::string prompt, Completer completer);
  void complete_resource(std::string uri_template, Completer completer);

  /// Called with each request that is refused before it is dispatched, and each write of who may only read: for logs.
  void on_refused(std::function<void(const http::Refused&)> callback);

  /// Called before each request, also one that a kept answer is for.
  void before_request(std::function<void()> callback);

  /// What memo tools answered is no longer so.
  void changed();
  // For those who subscribed to it: subscriptions/listen, resources/subscribe.
  void resource_updated(std::string_view uri);
  void resources_list_changed();
  void tools_list_changed();
  void prompts_list_changed();

  /// Takes no more requests, ends subscriptions and sessions' streams, and asks no user any more: an open question is
  /// as good as closed. Calls in flight go on.
  void drain();
  /// As drain(), and ends sessions and calls in flight too: these are told.
  void shut_down();

  struct Counts {
    std::size_t sessions = 0, listens = 0, memo_entries = 0, memo_hits = 0;
  };
  [[nodiscard]] Counts counts() const;

  /// For the transports (http_transport.hpp, stdio_transport.hpp).
  [[nodiscard]] const std::shared_ptr<Core>& core() const { return core_; }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace musher::mcp
