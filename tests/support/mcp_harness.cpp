#include "support/mcp_harness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "mcp/call.hpp"

namespace musher::testing {
namespace {

class FakeStream : public http::EventStream {
 public:
  explicit FakeStream(std::shared_ptr<Outcome> outcome) : outcome_(std::move(outcome)) {}
  ~FakeStream() override { outcome_->finished = true; }
  bool send(std::string_view bytes) override {
    constexpr std::string_view kStart = "event: message\ndata: ";
    if (outcome_->gone || outcome_->finished) return false;
    if (!bytes.starts_with(kStart) || !bytes.ends_with("\n\n")) throw std::runtime_error("not an event");
    const auto data = bytes.substr(kStart.size(), bytes.size() - kStart.size() - 2);
    if (data.find('\n') != std::string_view::npos) throw std::runtime_error("not on one line");
    outcome_->events.emplace_back(data);
    return true;
  }
  void finish() override { outcome_->finished = true; }

 private:
  std::shared_ptr<Outcome> outcome_;
};

class FakeExchange : public http::Exchange {
 public:
  explicit FakeExchange(std::shared_ptr<Outcome> outcome) : outcome_(std::move(outcome)) {}
  const http::Request& request() const override { return outcome_->request; }
  void drop_body() override { outcome_->request.drop_body(); }
  void respond(http::Response response) override {
    if (outcome_->response || outcome_->streaming) throw std::runtime_error("answered twice");
    if (response.rest) response.body += *std::exchange(response.rest, nullptr);
    outcome_->response = std::move(response);
  }
  std::shared_ptr<http::EventStream> stream(http::Headers) override {
    if (outcome_->response || outcome_->streaming) throw std::runtime_error("answered twice");
    outcome_->streaming = true;
    return std::make_shared<FakeStream>(outcome_);
  }
  void on_gone(std::function<void()> callback) override { outcome_->on_gone = std::move(callback); }

 private:
  std::shared_ptr<Outcome> outcome_;
};

}  // namespace

mcp::Scheduler::TimerId FakeScheduler::after(Clock::duration delay, std::function<void()> function) {
  const TimerId id{next_++};
  timers_.emplace(std::pair(now_ + delay, id), std::move(function));
  return id;
}

void FakeScheduler::cancel(TimerId timer) {
  std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
}

void FakeScheduler::advance(Clock::duration by) {
  const auto end = now_ + by;
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    const auto function = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    function();
  }
  now_ = end;
}

std::string Outcome::header(const std::string& name) const {
  if (!response) return {};
  const auto found = std::ranges::find(response->headers, name, &std::pair<std::string, std::string>::first);
  return found == response->headers.end() ? std::string() : found->second;
}

void Outcome::leave() {
  gone = true;
  if (on_gone) std::exchange(on_gone, nullptr)();
}

std::string modern_meta(const std::string& abilities, const std::string& version) {
  return fmt::format(R"("_meta":{{"io.modelcontextprotocol/protocolVersion":"{}",)"
                     R"("io.modelcontextprotocol/clientCapabilities":{}}})",
                     version, abilities);
}

std::string at(const std::string& json, const std::string& path) {
  const auto document = mcp::JsonDocument::parse(json);
  if (document == nullptr) return "not JSON: " + json;
  mcp::JsonView view = document->root();
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    const std::string_view step = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    if (view.is_array()) {
      const auto items = view.items();
      const auto index = static_cast<std::size_t>(std::strtoul(std::string(step).c_str(), nullptr, 10));
      view = index < items.size() ? items[index] : mcp::JsonView();
    } else {
      view = view[step];
    }
  }
  return view.text();
}

McpHarness::McpHarness(mcp::Limits limits)
    : server({.name = "test", .version = "1", .instructions = "For tests.", .logging = true}, scheduler, limits),
      handler_(mcp::http_handler(server)) {
  add_tools();
}

void McpHarness::add_tools() {
  const auto add = [this](mcp::Tool tool) {
    if (const auto added = server.add(std::move(tool)); !added) throw std::runtime_error(added.error().what);
  };
  add({.name = "echo",
       .description = "Answers its text",
       .input_schema = R"({"type":"object","properties":{"text":{"type":"string","maxLength":9},"count":)"
                       R"({"type":"integer","minimum":1}},"required":["text"],"additionalProperties":false})",
       .handler = [this](const auto& call) {
         ++handled;
         call->finish(mcp::ToolResult{.content = mcp::Content().text(call->arguments()["text"].string().value_or(""))});
       }});
  add({.name = "facts",
       .description = "Answers from the memo",
       .output_schema = R"({"type":"object","properties":{"n":{"type":"integer"}}})",
       .memo = true,
       .handler = [this](const auto& call) {
         ++handled;
         call->finish(mcp::structured_result("a fact", fmt::format(R"({{"n":{}}})", handled)));
       }});
  add({.name = "hold", .description = "Is answered later", .handler = [this](const auto& call) {
         ++handled;
         held.push_back(call);
       }});
  add({.name = "remove",
       .description = "Asks first",
       .input_schema = R"({"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"}}})",
       .writes = true,
       .handler = [this](const auto& call) {
         ++handled;
         const mcp::Answer answer = call->answer("confirm");
         constexpr std::string_view kSchema =
             R"({"type":"object","properties":{"confirm":{"type":"boolean"}},"required":["confirm"]})";
         const auto say = [&](std::string_view text) {
           call->finish(mcp::ToolResult{.content = mcp::Content().text(text)});
         };
         switch (answer.outcome) {
           case mcp::Outcome::unasked: return call->ask(mcp::confirmation("Remove?", std::string(kSchema), "heads-7"));
           case mcp::Outcome::accepted:
             return say(answer.content["confirm"].boolean() == true ? "removed, " + call->binding()
                                                                    : "kept: not ticked");
           case mcp::Outcome::declined: return say("kept: declined");
           case mcp::Outcome::cancelled: return say("kept: cancelled");
           case mcp::Outcome::unavailable: return call->finish(mcp::error_result("kept: nobody to ask"));
         }
       }});
}

std::shared_ptr<Outcome> McpHarness::send(const std::string& method, const std::string& body, const Headers& headers) {
  auto outcome = std::make_shared<Outcome>();
  outcome->request.method = method;
  outcome->request.path = "/mcp";
  outcome->request.body = body;
  outcome->request.principal = principal;
  outcome->request.peer = "127.0.0.1:4000";
  for (const auto& [name, value] : headers) outcome->request.add_header(name, value);
  handler_(std::make_shared<FakeExchange>(outcome));
  return outcome;
}

std::shared_ptr<Outcome> McpHarness::post(const std::string& body, Headers headers) {
  headers.insert(headers.begin(),
                 {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}});
  return send("POST", body, headers);
}

std::shared_ptr<Outcome> McpHarness::modern(const std::string& method, const std::string& params,
                                            const std::string& id) {
  const std::string body = fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{{{}{}{}}}}})", id, method,
                                       params, params.empty() ? "" : ",", modern_meta(abilities));
  Headers headers{{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", method}};
  const bool by_uri = method == "resources/read";
  if (by_uri || method == "tools/call" || method == "prompts/get") {
    const std::string name = at("{" + params + "}", by_uri ? "uri" : "name");
    headers.emplace_back("Mcp-Name", name.size() > 2 ? name.substr(1, name.size() - 2) : "");
  }
  return post(body, headers);
}

std::shared_ptr<Outcome> McpHarness::modern_call(const std::string& tool, const std::string& arguments,
                                                 const std::string& more) {
  return modern("tools/call", fmt::format(R"("name":"{}","arguments":{}{})", tool, arguments, more));
}

std::string McpHarness::initialize(const std::string& version, const std::string& capabilities) {
  const auto outcome =
      post(fmt::format(R"({{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{}",)"
                       R"("capabilities":{},"clientInfo":{{"name":"c","version":"1"}}}}}})",
                       version, capabilities));
  return outcome->header("Mcp-Session-Id");
}

std::shared_ptr<Outcome> McpHarness::legacy(const std::string& session, const std::string& body) {
  return post(body, {{"Mcp-Session-Id", session}});
}

}  // namespace musher::testing
