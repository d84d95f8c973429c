#pragma once
// The server's inside: what its methods and transports share. Not for its users.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mcp/call.hpp"
#include "mcp/memo.hpp"
#include "mcp/registry.hpp"
#include "mcp/request_state.hpp"
#include "mcp/schema.hpp"
#include "mcp/server.hpp"
#include "mcp/session.hpp"
#include "mcp/subscriptions.hpp"
#include "mcp/uri_template.hpp"

namespace musher::mcp {

struct ToolEntry {
  Tool tool;
  Schema schema;
  std::string listed;  ///< its entry of tools/list
};

/// How long, and by whom, a modern client may keep a result.
struct CacheHint {
  std::chrono::milliseconds ttl{0};
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(ServerInfo info, Scheduler& scheduler, Limits limits);

  // methods.cpp: one request of either era, whose envelope was checked. Answers through context.reply, perhaps later.
  void dispatch(Context context);

  // handshake.cpp
  /// The result of initialize and the session it begins, without id and outlet. Error: bad params.
  struct Handshake {
    std::string result;
    Session session;
  };
  [[nodiscard]] std::expected<Handshake, RpcError> initialize(const Message& message,
                                                              const http::Principal& principal) const;
  static void notified(const Message& message, InFlight* in_flight);
  /// A client's response to what it was asked in this session.
  static void answered(const Message& message, Session& session);

  /// Wraps the members of a result ("\"tools\":[]") in the envelope of the era.
  [[nodiscard]] std::string complete(Era era, std::string_view members, std::optional<CacheHint> cache = {}) const;
  /// Calls the handler, which may be not for the first time.
  static void run(const std::shared_ptr<Call>& call);
  void end_calls();
  /// Of both transports.
  void for_each_session(const std::function<void(Session&)>& function) const;
  void forget_tool_lists() { tool_lists_.clear(); }

  // fixed after construction
  ServerInfo info;
  Scheduler& scheduler;
  Limits limits;
  RequestStates states;
  std::function<void(const http::Refused&)> on_refused = [](const http::Refused&) {};
  std::function<void()> before_request = [] {};
  // changes with registering
  std::map<std::string, std::shared_ptr<ToolEntry>, std::less<>> tools;
  std::map<std::string, Prompt, std::less<>> prompts;
  std::map<std::string, Resource, std::less<>> resources;
  struct TemplateEntry {
    ResourceTemplate resource;
    UriTemplate pattern;
  };
  std::map<std::string, TemplateEntry, std::less<>> templates;
  ResourceLister lister;
  std::map<std::string, Completer, std::less<>> prompt_completers;
  std::map<std::string, Completer, std::less<>> resource_completers;
  // changes with requests
  Memo memo;
  Sessions sessions;
  Subscriptions subscriptions;
  std::unordered_set<Call*> calls;  ///< not answered yet
  std::vector<std::weak_ptr<Session>> stdio_sessions;
  std::uint64_t next_question = 1;
  /// Of the messages that Limits::request_bytes is about. Outlives this with a message that does.
  std::shared_ptr<std::atomic<std::size_t>> request_bytes = std::make_shared<std::atomic<std::size_t>>(0);
  bool closing = false;  ///< no new request is taken
  Scheduler::TimerId sweep_timer{};

  [[nodiscard]] std::string capabilities() const;
  [[nodiscard]] std::string server_info() const;
  /// Tells everybody who asked for it, in both eras.
  void publish(Change change, std::string_view uri = {});

 private:
  using Method = void (Core::*)(Context);
  struct MethodEntry;
  [[nodiscard]] static const MethodEntry* find_method(std::string_view name);
  [[nodiscard]] bool serves(std::string_view method) const;

  void respond(const Context& context, std::string_view result) const;
  void refuse(const Context& context, RpcError error) const;

  void discover(Context context);
  void listen(Context context);
  void ping(Context context);
  void set_level(Context context);
  void subscribe(Context context);
  void unsubscribe(Context context);
  void complete_argument(Context context);
  void list_tools(Context context);
  void call_tool(Context context);
  void list_prompts(Context context);
  void get_prompt(Context context);
  void list_resources(Context context);
  void list_templates(Context context);
  void read_resource(Context context);

  void begin(Context context, Call::Target target);
  /// The answers that came with a modern call. Error: they are not to be trusted.
  [[nodiscard]] std::optional<RpcError> take_answers(const Context& context, Call& call);
  [[nodiscard]] std::optional<RpcError> check_prompt_arguments(const Prompt& prompt, JsonView arguments) const;

  std::shared_ptr<const JsonDocument> no_arguments_;         ///< {}
  std::unordered_map<std::string, std::string> tool_lists_;  ///< by era and right to write
};

}  // namespace musher::mcp
