#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "mcp/call.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

std::string request(const std::string& method, const std::string& params) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":"q","method":"{}","params":{{{}}}}})", method, params);
}

const std::string kDiscover = request("server/discover", modern_meta());

}  // namespace

TEST_CASE("mcp modern: what comes wrong is refused in the protocol's order with its code and status", "[mcp]") {
  struct Row {
    std::string what, body;
    Headers headers;
    unsigned status;
    std::string code;
  };
  const Headers good{{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "server/discover"}};
  const auto call = [](const std::string& name) {
    return request("tools/call", "\"name\":\"" + name + "\"," + modern_meta());
  };
  const auto named = [](const std::string& name) {
    return Headers{{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", name}};
  };
  const std::vector<Row> rows{
      {"all is well", kDiscover, good, 200, ""},
      {"not JSON", "{", good, 400, "-32700"},
      {"not UTF-8", "{\"a\":\"\xff\"}", good, 400, "-32700"},
      {"too deep", std::string(70, '[') + std::string(70, ']'), good, 400, "-32700"},
      {"no object", "7", good, 400, "-32600"},
      {"another jsonrpc", R"({"jsonrpc":"1.0","id":1,"method":"ping"})", good, 400, "-32600"},
      {"a null id", R"({"jsonrpc":"2.0","id":null,"method":"ping"})", good, 400, "-32600"},
      {"a fraction for an id", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", good, 400, "-32600"},
      {"params is a list", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})", good, 400, "-32600"},
      {"a batch", "[" + kDiscover + "]", good, 400, "-32600"},
      {"an empty batch", "[]", good, 400, "-32600"},
      {"a response", R"({"jsonrpc":"2.0","id":1,"result":{}})", good, 400, "-32600"},
      {"no _meta", request("server/discover", ""), good, 400, "-32602"},
      {"no _meta, and only the header is modern", request("tools/list", ""), good, 400, "-32602"},
      {"no version", request("server/discover", R"("_meta":{"io.modelcontextprotocol/clientCapabilities":{}})"), good,
       400, "-32602"},
      {"no capabilities",
       request("server/discover", R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})"), good, 400,
       "-32602"},
      {"capabilities are no object",
       request("server/discover", R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                                  R"("io.modelcontextprotocol/clientCapabilities":[]})"),
       good, 400, "-32602"},
      {"another version in the header",
       kDiscover,
       {{"MCP-Protocol-Version", "2025-11-25"}, {"Mcp-Method", "server/discover"}},
       400,
       "-32020"},
      {"no version in the header", kDiscover, {{"Mcp-Method", "server/discover"}}, 400, "-32020"},
      {"an unknown version",
       request("server/discover", modern_meta("{}", "v9")),
       {{"MCP-Protocol-Version", "v9"}, {"Mcp-Method", "server/discover"}},
       400,
       "-32022"},
      {"a legacy version as a modern one",
       request("server/discover", modern_meta("{}", "2025-11-25")),
       {{"MCP-Protocol-Version", "2025-11-25"}, {"Mcp-Method", "server/discover"}},
       400,
       "-32022"},
      {"no method in the header", kDiscover, {{"MCP-Protocol-Version", "2026-07-28"}}, 400, "-32020"},
      {"another method in the header",
       kDiscover,
       {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/list"}},
       400,
       "-32020"},
      {"the method's case differs",
       kDiscover,
       {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "Server/Discover"}},
       400,
       "-32020"},
      {"header names in any case",
       kDiscover,
       {{"mcp-protocol-VERSION", "2026-07-28"}, {"MCP-METHOD", " server/discover\t"}},
       200,
       ""},
      {"no name in the header",
       call("echo"),
       {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/call"}},
       400,
       "-32020"},
      {"another name", call("facts"), named("echo"), 400, "-32020"},
      {"the name in Base64", call("facts"), named("=?base64?ZmFjdHM=?="), 200, ""},
      {"bad Base64", call("facts"), named("=?base64?ZmFjdHM?="), 400, "-32020"},
      {"Base64 with stray bits", call("facts"), named("=?base64?ZmFjdHN=?="), 400, "-32020"},
      {"one marker is no Base64", call("=?base64?x"), named("=?base64?x"), 200, "-32602"},
      {"an unknown method",
       request("no/such", modern_meta()),
       {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "no/such"}},
       404,
       "-32601"},
      {"an unknown tool", call("nobody"), named("nobody"), 200, "-32602"},
  };
  for (const Row& row : rows) {
    McpHarness harness;
    INFO(row.what);
    const auto outcome = harness.post(row.body, row.headers);
    CHECK(outcome->status() == row.status);
    CHECK(at(outcome->body(), "error.code") == row.code);
    CHECK(outcome->body().find('\n') == std::string::npos);
  }
}

TEST_CASE("mcp modern: methods of the legacy era are unknown ones", "[mcp]") {
  McpHarness harness;
  for (const std::string method :
       {"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}) {
    INFO(method);
    const auto outcome = harness.modern(method, "", "\"x\"");
    CHECK(outcome->status() == 404);
    CHECK(at(outcome->body(), "error.code") == "-32601");
    CHECK(at(outcome->body(), "id") == "\"x\"");
    CHECK(outcome->header("Mcp-Session-Id").empty());
  }
}

TEST_CASE("mcp modern: an unsupported version is told which are served", "[mcp]") {
  McpHarness harness;
  const auto outcome = harness.post(request("server/discover", modern_meta("{}", "v9")),
                                    {{"MCP-Protocol-Version", "v9"}, {"Mcp-Method", "server/discover"}});
  CHECK(at(outcome->body(), "error.data.supported") == R"(["2026-07-28"])");
  CHECK(at(outcome->body(), "error.data.requested") == "\"v9\"");
  CHECK(at(harness.modern("server/discover")->body(), "result.supportedVersions") == R"(["2026-07-28"])");
}

TEST_CASE("mcp modern: a request without a readable id is refused without one", "[mcp]") {
  McpHarness harness;
  for (const std::string body : {"{", "7", R"({"jsonrpc":"2.0","id":null,"method":"x"})"}) {
    const auto outcome = harness.post(body);
    CHECK(at(outcome->body(), "id").empty());
    CHECK(at(outcome->body(), "error.message").size() > 5);
  }
}

TEST_CASE("mcp http: content type, Accept, size and method", "[mcp]") {
  struct Row {
    std::string method, type, accept;
    unsigned status;
  };
  const std::vector<Row> rows{{"POST", "application/json", "application/json, text/event-stream", 200},
                              {"POST", "Application/JSON; charset=utf-8", "application/json", 200},
                              {"POST", "text/plain", "*/*", 415},
                              {"POST", "application/jsonx", "*/*", 415},
                              {"POST", "application/json", "*/*", 200},
                              {"POST", "application/json", "application/*;q=0.1", 200},
                              {"POST", "application/json", "text/html", 406},
                              {"PUT", "application/json", "*/*", 405},
                              {"OPTIONS", "application/json", "*/*", 405},
                              {"GET", "", "text/event-stream", 405},
                              {"DELETE", "", "*/*", 405}};
  for (const Row& row : rows) {
    McpHarness harness;
    INFO(row.method << " " << row.type << " " << row.accept);
    const auto outcome = harness.send(row.method, kDiscover,
                                      {{"Content-Type", row.type},
                                       {"Accept", row.accept},
                                       {"MCP-Protocol-Version", "2026-07-28"},
                                       {"Mcp-Method", "server/discover"}});
    CHECK(outcome->status() == row.status);
    CHECK(outcome->header("Allow").empty() == (row.status != 405));
  }
  McpHarness small({.message_bytes = 100});
  CHECK(small.modern("server/discover")->status() == 413);
}

TEST_CASE("mcp modern: results have their type, the server's name, and how long they keep", "[mcp]") {
  McpHarness harness;
  const std::string discover = harness.modern("server/discover")->body();
  CHECK(at(discover, "result.resultType") == "\"complete\"");
  CHECK(discover.find(R"("io.modelcontextprotocol/serverInfo":{"name":"test","version":"1"})") != std::string::npos);
  CHECK(at(discover, "result.serverInfo").empty());
  CHECK(at(discover, "result.instructions") == "\"For tests.\"");
  CHECK(at(discover, "result.capabilities") == R"({"logging":{},"tools":{"listChanged":true}})");
  CHECK(at(discover, "result.ttlMs") == "60000");
  CHECK(at(discover, "result.cacheScope") == "\"private\"");
  const std::string listed = harness.modern("tools/list")->body();
  CHECK(at(listed, "result.tools.0.name") == "\"echo\"");
  CHECK(at(listed, "result.tools.1.name") == "\"facts\"");
  CHECK(at(listed, "result.tools.1.outputSchema.type") == "\"object\"");
  CHECK(at(listed, "result.nextCursor").empty());
  CHECK(harness.modern("prompts/list")->status() == 404);
  CHECK(harness.modern("completion/complete")->status() == 404);
  const std::string called = harness.modern_call("echo", R"({"text":"hi"})")->body();
  CHECK(at(called, "result.resultType") == "\"complete\"");
  CHECK(at(called, "result.content") == R"([{"type":"text","text":"hi"}])");
  CHECK(at(called, "result.isError").empty());
  CHECK(at(called, "result.ttlMs").empty());
}

TEST_CASE("mcp tools: arguments that do not fit are results that name them, and no handler runs", "[mcp]") {
  struct Row {
    std::string arguments, says;
  };
  const std::vector<Row> rows{{R"({})", "argument text is missing"},
                              {R"({"text":"a","txt":1})", "unknown argument txt: did you mean text?"},
                              {R"({"text":7})", "argument text: 7 is not of type string"},
                              {R"({"text":"0123456789"})", "argument text: it has 10 characters, more than 9"},
                              {R"({"text":"a","count":0})", "argument count: 0 is less than 1"},
                              {R"({"text":"a","count":1.5})", "argument count: 1.5 is not of type integer"},
                              {R"({"text":"a","text":"b"})", "argument text is given twice"}};
  McpHarness harness;
  for (const Row& row : rows) {
    INFO(row.arguments);
    const auto outcome = harness.modern_call("echo", row.arguments);
    CHECK(outcome->status() == 200);
    CHECK(at(outcome->body(), "result.isError") == "true");
    CHECK(at(outcome->body(), "result.content.0.text").find(row.says) != std::string::npos);
    CHECK(at(outcome->body(), "result.structuredContent.code") == "\"usage\"");
  }
  CHECK(harness.handled == 0);
  CHECK(at(harness.modern_call("echo", "[]")->body(), "error.code") == "-32602");
  CHECK(at(harness.modern("tools/call", R"("name":"facts")")->body(), "result.structuredContent.n") == "1");
}

TEST_CASE("mcp tools: what writes is hidden from a read-only principal, and refused to it", "[mcp]") {
  McpHarness harness;
  harness.principal.read_only = true;
  CHECK(harness.modern("tools/list")->body().find("\"remove\"") == std::string::npos);
  const std::string body = harness.modern_call("remove")->body();
  CHECK(at(body, "result.isError") == "true");
  CHECK(at(body, "result.structuredContent.code") == "\"refused\"");
  CHECK(harness.handled == 0);
  harness.principal.read_only = false;
  CHECK(harness.modern("tools/list")->body().find("\"remove\"") != std::string::npos);
}

TEST_CASE("mcp tools: a memo answers until something changed, for each era and argument on its own", "[mcp]") {
  McpHarness harness;
  const auto n = [&] { return at(harness.modern_call("facts")->body(), "result.structuredContent.n"); };
  CHECK(n() == "1");
  CHECK(n() == "1");
  CHECK(harness.server.counts().memo_hits == 1);
  const std::string session = harness.initialize();
  const auto legacy =
      harness.legacy(session, R"({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"facts"}})");
  CHECK(at(legacy->body(), "result.structuredContent.n") == "2");
  CHECK(at(legacy->body(), "result.resultType").empty());
  harness.server.changed();
  CHECK(n() == "3");
  CHECK(at(harness.modern_call("facts")->body(), "result.content.1.text") == R"("{\"n\":3}")");
}

TEST_CASE("mcp tools: a memo does not keep what was begun before the change", "[mcp]") {
  McpHarness harness;
  std::vector<std::shared_ptr<mcp::Call>> calls;
  REQUIRE(harness.server.add(
      {.name = "slow", .description = "d", .memo = true, .handler = [&](const auto& call) { calls.push_back(call); }}));
  const auto first = harness.modern_call("slow");
  harness.server.changed();
  calls.at(0)->finish(mcp::structured_result("old", "{}"));
  CHECK(at(first->body(), "result.content.0.text") == "\"old\"");
  const auto second = harness.modern_call("slow");
  REQUIRE(calls.size() == 2);
  calls.at(1)->finish(mcp::structured_result("new", "{}"));
  CHECK(at(harness.modern_call("slow")->body(), "result.content.0.text") == "\"new\"");
  CHECK(calls.size() == 2);
}

TEST_CASE("mcp tools: a memo does not keep a result that says it may not be kept", "[mcp]") {
  McpHarness harness;
  int calls = 0;
  REQUIRE(harness.server.add({.name = "moment", .description = "d", .memo = true, .handler = [&](const auto& call) {
                                ++calls;
                                mcp::ToolResult result = mcp::structured_result("now", "{}");
                                result.may_keep = false;
                                call->finish(result);
                              }}));
  for (int i = 0; i < 2; ++i) CHECK(harness.modern_call("moment")->body().find("now") != std::string::npos);
  CHECK(calls == 2);
}

TEST_CASE("mcp modern: progress goes before the result, only upwards and only where it is wanted", "[mcp]") {
  McpHarness harness;
  const std::string token = R"("progressToken":7,)";
  const std::string body =
      fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"hold",{}}}}})",
                  std::string(modern_meta()).insert(9, token));
  const auto outcome =
      harness.post(body, {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", "hold"}});
  REQUIRE(harness.held.size() == 1);
  const auto call = harness.held.front();
  for (const double done : {0.0, 1.0, 1.0, 0.5, 2.5}) call->progress(done, 4, "now");
  call->finish(mcp::ToolResult{.content = mcp::Content().text("x")});
  call->progress(3);
  REQUIRE(outcome->events.size() == 4);
  CHECK(
      outcome->events[0] ==
      R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0,"total":4,"message":"now"}})");
  CHECK(at(outcome->events[2], "params.progress") == "2.5");
  CHECK(at(outcome->events[3], "result.resultType") == "\"complete\"");
  CHECK(outcome->finished);

  const auto silent = harness.modern_call("hold");
  harness.held.back()->progress(1);
  harness.held.back()->log(mcp::LogLevel::error, "l", "1");
  harness.held.back()->finish(mcp::ToolResult{});
  CHECK(silent->response.has_value());
}

TEST_CASE("mcp modern: a client that goes cancels its call, and nothing more is sent", "[mcp]") {
  McpHarness harness;
  const auto outcome = harness.modern_call("hold");
  const auto call = harness.held.front();
  bool told = false;
  call->on_cancel([&] { told = true; });
  outcome->leave();
  CHECK(told);
  CHECK(call->cancelled());
  call->finish(mcp::ToolResult{});
  CHECK(outcome->events.empty());
}

TEST_CASE("mcp http: a call without an answer for 15 s becomes a stream; one that is let go is an error", "[mcp]") {
  McpHarness harness;
  const auto outcome = harness.modern_call("hold");
  CHECK(outcome->status() == 0);
  harness.scheduler.advance(std::chrono::seconds(15));
  CHECK(outcome->streaming);
  harness.held.clear();
  REQUIRE(outcome->events.size() == 1);
  CHECK(at(outcome->events[0], "error.code") == "-32603");
  CHECK(outcome->finished);
}

TEST_CASE("mcp http: a client that takes no stream gets its answer all the same", "[mcp]") {
  McpHarness harness;
  const auto outcome = harness.send("POST", request("tools/call", R"("name":"hold",)" + modern_meta()),
                                    {{"Content-Type", "application/json"},
                                     {"Accept", "application/json"},
                                     {"MCP-Protocol-Version", "2026-07-28"},
                                     {"Mcp-Method", "tools/call"},
                                     {"Mcp-Name", "hold"}});
  harness.scheduler.advance(std::chrono::seconds(60));
  harness.held.front()->progress(1);
  harness.held.front()->finish(mcp::ToolResult{});
  CHECK(outcome->response.has_value());
}
