#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "mcp/call.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

const std::string kPing = R"({"jsonrpc":"2.0","id":3,"method":"ping"})";

}  // namespace

TEST_CASE("mcp legacy: initialize answers the version that was asked for, or the newest legacy one", "[mcp]") {
  McpHarness harness;
  const auto served = [&](const std::string& version) {
    const auto outcome = harness.post(fmt::format(
        R"({{"jsonrpc":"2.0","id":"i","method":"initialize","params":{{"protocolVersion":"{}","capabilities":{{}}}}}})",
        version));
    CHECK(outcome->status() == 200);
    CHECK(at(outcome->body(), "id") == "\"i\"");
    CHECK(at(outcome->body(), "result.serverInfo.name") == "\"test\"");
    CHECK(at(outcome->body(), "result.capabilities.tools") == R"({"listChanged":true})");
    const std::string id = outcome->header("Mcp-Session-Id");
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    return at(outcome->body(), "result.protocolVersion");
  };
  CHECK(served("2025-11-25") == "\"2025-11-25\"");
  CHECK(served("2025-06-18") == "\"2025-06-18\"");
  CHECK(served("2025-03-26") == "\"2025-03-26\"");
  CHECK(served("2024-11-05") == "\"2025-11-25\"");
  CHECK(served("2026-07-28") == "\"2025-11-25\"");
  CHECK(harness.server.counts().sessions == 5);
  const auto bad = harness.post(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})");
  CHECK(at(bad->body(), "error.code") == "-32602");
}

TEST_CASE("mcp legacy: large messages that are being answered have a limit together, small ones none", "[mcp]") {
  McpHarness harness({.request_bytes = 100'000});
  const std::string session = harness.initialize();
  const auto hold = [&](int id, std::size_t pad) {
    return harness.legacy(session,
                          fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"hold",)"
                                      R"("_meta":{{"pad":"{}"}}}}}})",
                                      id, std::string(pad, 'x')));
  };
  const auto first = hold(1, 40'000);
  const auto second = hold(2, 40'000);
  CHECK(first->request.body.empty());
  REQUIRE(harness.held.size() == 2);

  const auto third = hold(3, 40'000);
  CHECK(third->status() == 503);
  CHECK(at(third->body(), "error.code") == "-32603");
  CHECK(at(third->body(), "error.message").find("try again") != std::string::npos);
  CHECK(hold(4, 10'000)->request.body.size() > 10'000);  // its memory serves the connection's next request
  for (int id = 5; id < 20; ++id) CHECK(hold(id, 10'000)->status() == 0);
  CHECK(harness.held.size() == 18);

  first->leave();  // is no cancellation: the call goes on
  CHECK(hold(20, 40'000)->status() == 503);
  harness.held[1]->finish(mcp::ToolResult{});
  CHECK(second->status() == 200);
  harness.held.erase(harness.held.begin() + 1);
  CHECK(hold(21, 40'000)->status() == 0);
  CHECK(hold(22, 40'000)->status() == 503);
  harness.held.clear();
  CHECK(hold(23, 40'000)->status() == 0);
  CHECK(hold(24, 90'000)->status() == 503);
  CHECK(harness.post(std::string(90'000, '['))->status() == 503);  // before it is parsed
}

TEST_CASE("mcp legacy: sessions and headers", "[mcp]") {
  struct Row {
    std::string what, method, body;
    Headers headers;
    unsigned status;
  };
  McpHarness harness;
  const std::string id = harness.initialize();
  const Headers ours{{"Mcp-Session-Id", id}};
  const std::string initialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
  const std::vector<Row> rows{
      {"a ping", "POST", kPing, ours, 200},
      {"its version", "POST", kPing, {{"Mcp-Session-Id", id}, {"MCP-Protocol-Version", "2025-11-25"}}, 200},
      {"an older version that is served",
       "POST",
       kPing,
       {{"Mcp-Session-Id", id}, {"MCP-Protocol-Version", "2025-06-18"}},
       200},
      {"a version that is not", "POST", kPing, {{"Mcp-Session-Id", id}, {"MCP-Protocol-Version", "2024-11-05"}}, 400},
      {"no session", "POST", kPing, {}, 400},
      {"another's session", "POST", kPing, {{"Mcp-Session-Id", "0123"}}, 404},
      {"a notification", "POST", initialized, ours, 202},
      {"a notification without a session", "POST", initialized, {}, 400},
      {"a response that nobody waits for", "POST", R"({"jsonrpc":"2.0","id":"musher-9","result":{}})", ours, 202},
      {"neither result nor error", "POST", R"({"jsonrpc":"2.0","id":1})", ours, 400},
      {"a batch in a version that has none", "POST", "[" + kPing + "]", ours, 400},
      {"a stream without Accept", "GET", "", ours, 406},
      {"a stream of another's", "GET", "", {{"Mcp-Session-Id", "0123"}, {"Accept", "text/event-stream"}}, 404},
      {"an unknown method", "POST", R"({"jsonrpc":"2.0","id":1,"method":"no/such"})", ours, 200},
      {"the end of another's", "DELETE", "", {{"Mcp-Session-Id", "0123"}}, 404},
      {"the end", "DELETE", "", ours, 204},
      {"after the end", "POST", kPing, ours, 404},
      {"the end again", "DELETE", "", ours, 404},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const auto outcome =
        row.method == "POST" ? harness.post(row.body, row.headers) : harness.send(row.method, "", row.headers);
    CHECK(outcome->status() == row.status);
    if (row.status == 202 || row.status == 204) {
      CHECK(outcome->body().empty());
      CHECK(outcome->response->content_type.empty());
    }
    if (row.what == "no session") CHECK(outcome->body().find("2025-03-26") != std::string::npos);
  }
  CHECK(harness.server.counts().sessions == 0);
}

TEST_CASE("mcp legacy: a session is its principal's alone", "[mcp]") {
  McpHarness harness;
  const std::string id = harness.initialize();
  CHECK(at(harness.legacy(id, kPing)->body(), "result") == "{}");
  harness.principal.name = "mallory";
  CHECK(harness.legacy(id, kPing)->status() == 404);
}

TEST_CASE("mcp legacy: idle sessions are forgotten, and the longest idle makes room", "[mcp]") {
  McpHarness harness({.sessions = 3, .session_idle = std::chrono::seconds(100)});
  const std::string first = harness.initialize();
  const std::string second = harness.initialize();
  (void)harness.initialize();
  CHECK(harness.legacy(first, kPing)->status() == 200);
  (void)harness.initialize();
  CHECK(harness.server.counts().sessions == 3);
  CHECK(harness.legacy(second, kPing)->status() == 404);
  CHECK(harness.legacy(first, kPing)->status() == 200);
  const auto stream = harness.send("GET", "", {{"Mcp-Session-Id", first}, {"Accept", "text/event-stream"}});
  harness.scheduler.advance(std::chrono::seconds(300));
  CHECK(harness.server.counts().sessions == 1);  // the one with a stream
  stream->leave();
  harness.scheduler.advance(std::chrono::seconds(300));
  CHECK(harness.server.counts().sessions == 0);
}

TEST_CASE("mcp legacy: batches in 2025-03-26", "[mcp]") {
  McpHarness harness;
  const std::string id = harness.initialize("2025-03-26");
  const std::string echo =
      R"({"jsonrpc":"2.0","id":"e","method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}})";
  const auto outcome =
      harness.legacy(id, "[" + kPing + R"(,{"jsonrpc":"2.0","method":"notifications/initialized"},7,)" + echo +
                             R"(,{"jsonrpc":"2.0","id":9,"method":"initialize"}])");
  CHECK(outcome->status() == 200);
  CHECK(at(outcome->body(), "0.id") == "3");
  CHECK(at(outcome->body(), "1.error.code") == "-32600");
  CHECK(at(outcome->body(), "2.result.content.0.text") == "\"x\"");
  CHECK(at(outcome->body(), "3.error.code") == "-32600");
  CHECK(harness.legacy(id, R"([{"jsonrpc":"2.0","method":"notifications/initialized"}])")->status() == 202);
  CHECK(harness.legacy(id, "[]")->status() == 400);
  CHECK(harness.legacy(id, R"([{"jsonrpc":"2.0","id":1,"method":"server/discover"}])")->status() == 400);
  std::string many = kPing;
  for (int i = 0; i < 100; ++i) many += "," + kPing;
  CHECK(harness.legacy(id, "[" + many + "]")->status() == 400);

  const auto later = harness.legacy(
      id, "[" + kPing + R"(,{"jsonrpc":"2.0","id":"h","method":"tools/call","params":{"name":"hold"}}])");
  CHECK(later->status() == 0);
  harness.held.front()->finish(mcp::ToolResult{});
  CHECK(at(later->body(), "1.id") == "\"h\"");
}

TEST_CASE("mcp legacy: notifications/cancelled stops a call; a lost connection does not", "[mcp]") {
  McpHarness harness;
  const std::string id = harness.initialize();
  const std::string hold = R"({"jsonrpc":"2.0","id":"h","method":"tools/call","params":{"name":"hold"}})";
  const auto outcome = harness.legacy(id, hold);
  const auto call = harness.held.front();
  outcome->leave();
  CHECK(!call->cancelled());
  const auto again = harness.legacy(id, hold);
  CHECK(at(again->body(), "error.code") == "-32600");  // the id is taken
  CHECK(harness.legacy(id, R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"h"}})")
            ->status() == 202);
  CHECK(call->cancelled());
  CHECK(harness.legacy(id, hold)->status() == 0);
  harness.send("DELETE", "", {{"Mcp-Session-Id", id}});
  CHECK(harness.held.at(1)->cancelled());
}

TEST_CASE("mcp legacy: only so many requests of a session are in flight", "[mcp]") {
  McpHarness harness({.in_flight = 2});
  const std::string id = harness.initialize();
  for (int i = 0; i < 3; ++i) {
    const auto outcome = harness.legacy(
        id, fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"hold"}}}})", i));
    CHECK((outcome->status() == 0) == (i < 2));
  }
}

TEST_CASE("mcp legacy: logging by the session's level", "[mcp]") {
  McpHarness harness;
  const std::string id = harness.initialize();
  const auto logged = [&](const std::string& level) {
    harness.legacy(id, R"({"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":")" + level + "\"}}");
    const auto outcome =
        harness.legacy(id, R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"hold"}})");
    harness.held.back()->log(mcp::LogLevel::info, "l", R"({"a":1})");
    harness.held.back()->log(mcp::LogLevel::error, "l", "2");
    harness.held.back()->finish(mcp::ToolResult{});
    return outcome->events.size();
  };
  CHECK(logged("debug") == 3);
  CHECK(logged("warning") == 2);
  CHECK(logged("emergency") == 0);
  CHECK(at(harness.legacy(id, R"({"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"loud"}})")
               ->body(),
           "error.code") == "-32602");
}

TEST_CASE("mcp: a long run of sessions and calls leaves nothing behind", "[mcp]") {
  McpHarness harness({.sessions = 50});
  for (int i = 0; i < 2000; ++i) {
    const std::string id = harness.initialize();
    harness.legacy(id, kPing);
    harness.modern_call("echo", R"({"text":"x"})");
  }
  CHECK(harness.server.counts().sessions == 50);
  CHECK(harness.scheduler.timers() == 1);
}
