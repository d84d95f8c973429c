#pragma once
// An MCP server without sockets and without waiting: requests are made up, time is moved by hand.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/exchange.hpp"
#include "mcp/http_transport.hpp"
#include "mcp/json_view.hpp"
#include "mcp/server.hpp"

namespace musher::testing {

class FakeScheduler : public mcp::Scheduler {
 public:
  [[nodiscard]] Clock::time_point now() const override { return now_; }
  TimerId after(Clock::duration delay, std::function<void()> function) override;
  void cancel(TimerId timer) override;
  /// Lets time pass, and calls what is due in its order.
  void advance(Clock::duration by);
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }

 private:
  Clock::time_point now_{std::chrono::hours(1000)};
  std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
  std::uint64_t next_ = 1;
};

/// What became of one HTTP request.
struct Outcome {
  http::Request request;
  std::optional<http::Response> response;
  bool streaming = false;
  bool finished = false;            ///< the stream's end
  std::vector<std::string> events;  ///< each event's data
  bool gone = false;                ///< set by a test: the client is not there any more
  std::function<void()> on_gone;

  /// The status, 200 for a stream, 0 for no answer yet.
  [[nodiscard]] unsigned status() const { return streaming ? 200 : response ? response->status : 0; }
  [[nodiscard]] std::string body() const { return response ? response->body : std::string(); }
  [[nodiscard]] std::string header(const std::string& name) const;
  /// The client goes.
  void leave();
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A server with a few tools of every kind, and a client of it.
class McpHarness {
 public:
  explicit McpHarness(mcp::Limits limits = {});

  /// Sends a request and gives what became of it so far; a stream goes on.
  std::shared_ptr<Outcome> send(const std::string& method, const std::string& body, const Headers& headers = {});
  /// A POST with the usual Content-Type and Accept.
  std::shared_ptr<Outcome> post(const std::string& body, Headers headers = {});
  /// A modern request, well-formed: params without braces and _meta.
  std::shared_ptr<Outcome> modern(const std::string& method, const std::string& params = "",
                                  const std::string& id = "1");
  std::shared_ptr<Outcome> modern_call(const std::string& tool, const std::string& arguments = "{}",
                                       const std::string& more = "");
  /// A legacy session: its id.
  std::string initialize(const std::string& version = "2025-11-25", const std::string& capabilities = "{}");
  std::shared_ptr<Outcome> legacy(const std::string& session, const std::string& body);

  FakeScheduler scheduler;
  mcp::Server server;
  http::Principal principal{.name = "alice"};
  std::string abilities = "{}";                 ///< of the modern client
  int handled = 0;                              ///< how often a handler ran
  std::deque<std::shared_ptr<mcp::Call>> held;  ///< calls of the tool "hold"

 private:
  void add_tools();
  http::Handler handler_;
};

/// _meta of a modern request.
[[nodiscard]] std::string modern_meta(const std::string& abilities = "{}", const std::string& version = "2026-07-28");

/// A value in JSON text by a path of names and positions: at(text, "error.code"); its JSON text, "" when it is not
/// there.
[[nodiscard]] std::string at(const std::string& json, const std::string& path);

}  // namespace musher::testing
