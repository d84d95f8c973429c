#include <catch2/catch.hpp>

#include <random>

#include "mcp/call.hpp"
#include "mcp/stdio_transport.hpp"
#include "support/conformance_fixtures.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(random() % end); }

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> seeds = [] {
    const std::string meta = modern_meta(R"({"elicitation":{},"sampling":{},"roots":{}})");
    const auto modern = [&](const std::string& method, const std::string& params) {
      return R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":{)" + params + meta + "}}";
    };
    return std::vector<std::string>{
        modern("server/discover", ""),
        modern("tools/list", ""),
        modern("tools/call", R"("name":"echo","arguments":{"text":"a\u00e9","count":3},)"),
        modern(
            "tools/call",
            R"("name":"remove","arguments":{"id":"x"},"inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}},"requestState":"e30.e30",)"),
        modern("tools/call", R"("name":"test_input_required_result_multiple_inputs","arguments":{},)"),
        modern("resources/read", R"("uri":"test://template/1%20/data",)"),
        modern("resources/list", R"("cursor":"after:test://a",)"),
        modern("prompts/get", R"("name":"test_prompt_with_arguments","arguments":{"arg1":"a","arg2":"b"},)"),
        modern(
            "completion/complete",
            R"("ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"x"},)"),
        modern("subscriptions/listen",
               R"("notifications":{"toolsListChanged":true,"resourceSubscriptions":["test://a"]},)"),
        R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}})",
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})",
        R"({"jsonrpc":"2.0","id":"musher-1","result":{"action":"accept","content":{"confirm":true}}})",
        R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"remove"}}])",
        R"({"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"test://a"}})",
        R"({"jsonrpc":"2.0","id":5,"method":"logging/setLevel","params":{"level":"debug"}})"};
  }();
  return seeds;
}

std::string mutated(Random& random) {
  std::string text = seeds()[below(random, seeds().size())];
  static const std::vector<std::string> kPieces{
      "null",     "{}",        "[]",        "1e999", "-0",  "\"\\ud800\"",          "\"",
      "\\",       "{\"a\":",   "]",         "}",     ",",   "99999999999999999999", "\xff",
      "\xc3\xa9", "\"_meta\"", "\"id\":1,", "1.5",   "true"};
  for (std::size_t count = 1 + below(random, 4); count > 0; --count) {
    const std::size_t place = below(random, text.size() + 1);
    switch (below(random, 6)) {
      case 0: text.insert(place, kPieces[below(random, kPieces.size())]); break;
      case 1: text.erase(place, 1 + below(random, 12)); break;
      case 2:
        if (place < text.size()) text[place] = static_cast<char>(random());
        break;
      case 3: text.insert(place, text.substr(below(random, text.size() + 1), below(random, 40))); break;
      case 4: text.resize(place); break;
      default: {
        const std::size_t digit = text.find_first_of("0123456789", place);
        if (digit != std::string::npos) text.replace(digit, 1, kPieces[below(random, kPieces.size())]);
      }
    }
    if (text.empty()) text = "{";
  }
  return text;
}

bool is_message(const std::string& text) {
  const auto document = mcp::JsonDocument::parse(text);
  return document != nullptr && text.find('\n') == std::string::npos &&
         (document->root().is_array() || document->root()["jsonrpc"].string() == "2.0");
}

}  // namespace

TEST_CASE("mcp: mutated messages over HTTP get a status, and an answer that is JSON", "[mcp]") {
  const std::uint64_t seed = 20'260'728;
  INFO("seed " << seed);
  Random random(seed);
  McpHarness harness({.sessions = 20, .in_flight = 50, .listens = 50, .questions = 20});
  add_conformance_fixtures(harness.server, harness.scheduler);
  std::string session = harness.initialize("2025-03-26", R"({"elicitation":{},"sampling":{}})");
  for (int i = 0; i < 6000; ++i) {
    const std::string body = mutated(random);
    INFO("message " << i << ": " << body);
    Headers headers;
    if (below(random, 2) == 0)
      headers = {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", "echo"}};
    if (below(random, 3) == 0) headers.emplace_back("Mcp-Session-Id", session);
    const std::string method = at(body, "method");
    if (below(random, 2) == 0 && method.size() > 2 && method.find("not JSON") != 0) {
      headers = {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", method.substr(1, method.size() - 2)}};
      for (const std::string key : {"params.name", "params.uri"}) {
        const std::string name = at(body, key);
        if (name.size() > 2 && name.front() == '"') headers.emplace_back("Mcp-Name", name.substr(1, name.size() - 2));
      }
    }
    const auto outcome = harness.post(body, headers);
    const unsigned status = outcome->status();
    REQUIRE((status == 0 || status == 200 || status == 202 || (status >= 400 && status < 500)));
    if (status != 0 && status != 202 && !outcome->streaming) REQUIRE(is_message(outcome->body()));
    for (const std::string& event : outcome->events) REQUIRE(is_message(event));
    if (status == 0 || outcome->streaming) outcome->leave();
    if (i % 100 == 0) harness.scheduler.advance(std::chrono::seconds(30));
    if (harness.held.size() > 10) harness.held.clear();
  }
  harness.held.clear();
  harness.server.shut_down();
  harness.scheduler.advance(std::chrono::hours(1));
}

TEST_CASE("mcp: mutated lines over stdio are answered with lines of JSON", "[mcp]") {
  Random random(42);
  McpHarness harness({.listens = 50});
  add_conformance_fixtures(harness.server, harness.scheduler);
  std::size_t lines = 0;
  mcp::StdioTransport transport(harness.server, {.name = "login"}, [&](std::string_view line) {
    ++lines;
    return line.ends_with('\n') && is_message(std::string(line.substr(0, line.size() - 1)));
  });
  for (int i = 0; i < 3000; ++i) {
    std::string text = mutated(random);
    std::ranges::replace(text, '\n', ' ');
    INFO("line " << i << ": " << text);
    transport.feed(text + "\n");
    REQUIRE(!transport.ended());
    if (i % 100 == 0) harness.scheduler.advance(std::chrono::seconds(30));
    if (harness.held.size() > 10) harness.held.clear();
  }
  CHECK(lines > 2000);
  transport.end_of_input();
  harness.held.clear();
}
