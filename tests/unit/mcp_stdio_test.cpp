#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <set>

#include "mcp/call.hpp"
#include "mcp/stdio_transport.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

struct Wire {
  explicit Wire(mcp::Limits limits = {}) : harness(limits) {}

  std::vector<std::string> say(const std::string& bytes) {
    transport.feed(bytes);
    return heard();
  }
  /// The lines since the last call.
  std::vector<std::string> heard() { return std::exchange(lines, {}); }
  std::vector<std::string> modern(const std::string& id, const std::string& method, const std::string& params = "",
                                  const std::string& abilities = "{}") {
    return say(fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"{}\",\"params\":{{{}{}{}}}}}\n", id, method,
                           params, params.empty() ? "" : ",", modern_meta(abilities)));
  }
  void initialize(const std::string& version = "2025-11-25") {
    const auto answer =
        say(fmt::format(R"({{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{}",)"
                        R"("capabilities":{{"elicitation":{{}}}}}}}})"
                        "\n",
                        version));
    REQUIRE(answer.size() == 1);
    CHECK(at(answer[0], "result.protocolVersion") == "\"" + version + "\"");
  }

  McpHarness harness;
  std::vector<std::string> lines;
  bool reader_gone = false;
  int ends = 0;
  int rooms = 0;  ///< how often it was told that there is room
  mcp::StdioTransport transport{harness.server,
                                {.name = "login"},
                                [this](std::string_view line) {
                                  REQUIRE(line.ends_with('\n'));
                                  REQUIRE(line.find_first_of("\r\n") == line.size() - 1);
                                  lines.emplace_back(line.substr(0, line.size() - 1));
                                  return !reader_gone;
                                },
                                [this] { ++ends; },
                                [this] { ++rooms; }};
};

const std::string kPing = R"({"jsonrpc":"2.0","id":"p","method":"ping"})";

}  // namespace

TEST_CASE("mcp stdio: a message is a line, wherever the bytes are cut", "[mcp]") {
  const std::string text = kPing + "\n\n  \r\n" + kPing + "\r\n{\n" + kPing + "\n";
  for (std::size_t cut = 1; cut < text.size(); cut += 3) {
    Wire wire;
    wire.transport.feed(text.substr(0, cut));
    wire.transport.feed(text.substr(cut));
    const auto lines = wire.heard();
    REQUIRE(lines.size() == 4);
    CHECK(lines[0] == R"({"jsonrpc":"2.0","id":"p","result":{}})");
    CHECK(at(lines[2], "error.code") == "-32700");
    CHECK(at(lines[2], "id").empty());
    CHECK(lines[3] == lines[0]);
  }
}

TEST_CASE("mcp stdio: a line that is too long is refused once, and the next is read", "[mcp]") {
  Wire wire({.message_bytes = 100});
  for (int i = 0; i < 5; ++i) wire.transport.feed(std::string(60, 'x'));
  const auto lines = wire.say("\n" + kPing + "\n");
  REQUIRE(lines.size() == 2);
  CHECK(at(lines[0], "error.code") == "-32600");
  CHECK(at(lines[1], "id") == "\"p\"");
}

TEST_CASE("mcp stdio: a client may probe with discover, and then initialize", "[mcp]") {
  Wire wire;
  CHECK(at(wire.modern("1", "server/discover").at(0), "result.supportedVersions") == R"(["2026-07-28"])");
  const auto unknown =
      wire.say(R"({"jsonrpc":"2.0","id":2,"method":"server/discover","params":{)" + modern_meta("{}", "v9") + "}}\n");
  CHECK(at(unknown.at(0), "error.code") == "-32022");
  CHECK(at(unknown.at(0), "error.data.supported") == R"(["2026-07-28"])");
  CHECK(at(wire.say(R"({"jsonrpc":"2.0","id":3,"method":"server/discover"})"
                    "\n")
               .at(0),
           "error.code") == "-32602");
  const auto lost = wire.say(R"({"jsonrpc":"2.0","id":4,"method":"tools/list"})"
                             "\n");
  CHECK(at(lost.at(0), "error.code") == "-32600");
  CHECK(lost.at(0).find("2025-03-26") != std::string::npos);
  wire.initialize();
  CHECK(wire.say(R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
                 "\n")
            .empty());
  CHECK(at(wire.say(R"({"jsonrpc":"2.0","id":5,"method":"tools/list"})"
                    "\n")
               .at(0),
           "result.tools.0.name") == "\"echo\"");
  CHECK(at(wire.modern("6", "tools/list").at(0), "result.resultType") == "\"complete\"");
  CHECK(at(wire.modern("7", "ping").at(0), "error.code") == "-32601");
}

TEST_CASE("mcp stdio: answers come in any order, and what was cancelled gets none", "[mcp]") {
  Wire wire;
  wire.initialize();
  const auto hold = [](const std::string& id) {
    return R"({"jsonrpc":"2.0","id":)" + id +
           R"(,"method":"tools/call","params":{"name":"hold"}})"
           "\n";
  };
  wire.say(hold("1"));
  wire.say(hold("\"1\""));
  CHECK(wire.modern("2", "tools/call", R"("name":"hold")").empty());
  wire.harness.held.at(2)->finish(mcp::ToolResult{});
  wire.harness.held.at(1)->finish(mcp::ToolResult{});
  const auto lines = wire.heard();
  REQUIRE(lines.size() == 2);
  CHECK(at(lines[0], "id") == "2");
  CHECK(at(lines[1], "id") == "\"1\"");
  wire.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})"
           "\n");
  CHECK(wire.harness.held.at(0)->cancelled());
  wire.harness.held.at(0)->finish(mcp::ToolResult{});
  CHECK(wire.heard().empty());
  wire.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}})"
           "\n");
  CHECK(at(wire.say(hold("1")).empty() ? "{}" : "[]", "") == "{}");  // the id is free again
}

TEST_CASE("mcp stdio: no more lines are taken than calls may be in flight, until one ends", "[mcp]") {
  Wire wire({.in_flight = 2});
  wire.initialize();
  const auto hold = [](int id) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"hold"}}}})", id) + "\n";
  };
  std::string input = hold(1) + hold(2) + hold(3) + hold(4) + kPing + "\n";
  const auto feed = [&] {
    input.erase(0, wire.transport.feed(input));
    return wire.harness.held.size();
  };
  CHECK(feed() == 2);
  CHECK(input == hold(3) + hold(4) + kPing + "\n");
  CHECK_FALSE(wire.transport.has_room());
  CHECK(feed() == 2);
  CHECK(wire.rooms == 0);
  wire.harness.held[1]->finish(mcp::ToolResult{});
  CHECK(wire.rooms == 1);
  CHECK(feed() == 3);
  wire.harness.held[2]->finish(mcp::ToolResult{});
  wire.harness.held[0]->finish(mcp::ToolResult{});
  CHECK(wire.rooms == 2);  // told once, and again when it was full again
  CHECK(feed() == 4);
  CHECK(input.empty());
  wire.harness.held[3]->finish(mcp::ToolResult{});
  for (const std::string& line : wire.heard()) CHECK(at(line, "error").empty());
}

TEST_CASE("mcp stdio: calls that wait for the client, or stand, do not keep it from being heard", "[mcp]") {
  Wire wire({.in_flight = 3});
  wire.initialize();
  const auto call = [&](int id, const std::string& tool) {
    return wire.say(
        fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"{}"}}}})", id, tool) + "\n");
  };
  wire.modern("\"listen\"", "subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  const std::string question = at(call(1, "remove").at(0), "id");
  call(2, "hold");
  CHECK_FALSE(wire.transport.has_room());
  wire.harness.held[0]->ask(mcp::confirmation("Sure?", R"({"type":"object","properties":{}})", "b"));
  CHECK(wire.rooms == 1);
  CHECK(wire.heard().size() == 1);
  CHECK(at(call(3, "hold").at(0), "error.code") == "-32600");  // one too many, and nobody to wait for
  const auto removed =
      wire.say(fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{{"action":"accept","content":{{"confirm":true}}}}}})"
                           "\n",
                           question));
  CHECK(at(removed.at(0), "result.content.0.text") == "\"removed, heads-7\"");
  CHECK(call(4, "hold").empty());
  CHECK_FALSE(wire.transport.has_room());
}

TEST_CASE("mcp stdio: what was begun is answered after the end of input, in any order, and then it ends", "[mcp]") {
  Wire wire;
  wire.modern("1", "tools/call", R"("name":"hold")");
  wire.modern("2", "tools/call", R"("name":"hold")");
  wire.transport.feed(kPing);
  wire.transport.end_of_input();
  CHECK(wire.heard().size() == 1);  // a last line without a line feed counts
  CHECK_FALSE(wire.transport.ended());
  CHECK(wire.say(kPing + "\n").empty());
  wire.harness.held.at(1)->finish(mcp::ToolResult{});
  CHECK(at(wire.heard().at(0), "id") == "2");
  CHECK(wire.ends == 0);
  wire.harness.held.at(0)->finish(mcp::ToolResult{});
  CHECK(at(wire.heard().at(0), "id") == "1");
  CHECK(wire.transport.ended());
  CHECK(wire.ends == 1);
}

TEST_CASE("mcp stdio: a batch is answered in whole after the end of input", "[mcp]") {
  Wire wire;
  wire.initialize("2025-03-26");
  const std::string hold = R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold"}})";
  wire.transport.feed("[" + hold + "," + kPing + "]");
  wire.transport.end_of_input();
  CHECK(wire.heard().empty());
  wire.harness.held.at(0)->finish(mcp::ToolResult{});
  const auto lines = wire.heard();
  REQUIRE(lines.size() == 1);
  CHECK(at(lines[0], "0.id") == "\"p\"");
  CHECK(at(lines[0], "1.id") == "1");
  CHECK(wire.ends == 1);
}

TEST_CASE("mcp stdio: at the end of input a question is as good as closed, and a listener is let go", "[mcp]") {
  Wire wire;
  wire.initialize();
  wire.modern("\"m\"", "subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  wire.modern("\"n\"", "subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  REQUIRE(wire.say(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})"
                   "\n")
              .size() == 1);
  wire.transport.end_of_input();
  std::set<std::string> answered;
  for (const std::string& line : wire.heard()) {
    answered.insert(at(line, "id"));
    CHECK(line.find("removed") == std::string::npos);
  }
  CHECK(answered == std::set<std::string>{"", "\"m\"", "\"n\"", "1"});  // "": notifications/cancelled of each listen
  CHECK(wire.ends == 1);
  wire.harness.server.tools_list_changed();
  CHECK(wire.heard().empty());
}

TEST_CASE("mcp stdio: a server that drains answers what was begun, and what was asked when it shuts down", "[mcp]") {
  Wire wire;
  wire.modern("1", "tools/call", R"("name":"hold")");
  wire.modern("2", "tools/call", R"("name":"hold")");
  wire.harness.server.drain();
  CHECK(at(wire.modern("3", "tools/list").at(0), "error.message") == "\"the server is shutting down\"");
  wire.harness.held.at(0)->finish(mcp::ToolResult{});
  CHECK(at(wire.heard().at(0), "result.resultType") == "\"complete\"");
  wire.transport.end_of_input();
  wire.harness.server.shut_down();
  CHECK(at(wire.heard().at(0), "id") == "2");
  CHECK(wire.harness.held.at(1)->cancelled());
  CHECK(wire.ends == 1);
}

TEST_CASE("mcp stdio: a reader that is gone cancels what is in flight and ends it", "[mcp]") {
  Wire broken;
  broken.modern("1", "tools/call", R"("name":"hold")");
  broken.reader_gone = true;
  broken.say(kPing + "\n");
  CHECK(broken.transport.ended());
  CHECK(broken.ends == 1);
  CHECK(broken.harness.held.at(0)->cancelled());

  Wire cut;
  cut.modern("1", "tools/call", R"("name":"hold")");
  cut.transport.cut_off();
  CHECK(cut.transport.ended());
  CHECK(cut.harness.held.at(0)->cancelled());
}

TEST_CASE("mcp stdio: confirmations of both eras", "[mcp]") {
  Wire wire;
  wire.initialize();
  const auto asked = wire.say(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})"
                              "\n");
  REQUIRE(asked.size() == 1);
  CHECK(at(asked[0], "method") == "\"elicitation/create\"");
  CHECK(wire.say(kPing + "\n").size() == 1);  // others are answered meanwhile
  const auto done = wire.say(fmt::format(
      "{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"action\":\"accept\",\"content\":{{\"confirm\":true}}}}}}\n",
      at(asked[0], "id")));
  REQUIRE(done.size() == 1);
  CHECK(at(done[0], "result.content.0.text") == "\"removed, heads-7\"");

  const std::string able = R"({"elicitation":{}})";
  const auto first = wire.modern("2", "tools/call", R"("name":"remove")", able);
  const auto second = wire.modern(
      "3", "tools/call",
      R"("name":"remove","inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}},"requestState":)" +
          at(first.at(0), "result.requestState"),
      able);
  CHECK(at(second.at(0), "result.content.0.text") == "\"removed, heads-7\"");
}

TEST_CASE("mcp stdio: subscriptions of both eras", "[mcp]") {
  Wire wire;
  REQUIRE(wire.harness.server.add(
      mcp::Resource{{.uri = "test://a", .name = "a"}, [](const auto& call) { call->not_found(); }}));
  wire.initialize();
  wire.say(R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://a"}})"
           "\n");
  const auto ack =
      wire.modern("\"l\"", "subscriptions/listen", R"("notifications":{"resourceSubscriptions":["test://a"]})");
  CHECK(at(ack.at(0), "method") == "\"notifications/subscriptions/acknowledged\"");
  wire.harness.server.resource_updated("test://a");
  CHECK(wire.heard().size() == 2);
  wire.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}})"
           "\n");
  wire.harness.server.resource_updated("test://a");
  CHECK(wire.heard().size() == 1);
  wire.modern("\"m\"", "subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  wire.harness.server.shut_down();
  const auto end = wire.heard();
  REQUIRE(end.size() == 2);
  CHECK(at(end[0], "params.requestId") == "\"m\"");
  CHECK(at(end[1], "id") == "\"m\"");
}

TEST_CASE("mcp stdio: batches in 2025-03-26", "[mcp]") {
  Wire wire;
  CHECK(at(wire.say("[" + kPing + "]\n").at(0), "error.code") == "-32600");
  wire.initialize("2025-03-26");
  const auto lines = wire.say(
      "[" + kPing +
      R"(,{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":7,"method":"initialize"}])"
      "\n");
  REQUIRE(lines.size() == 1);
  CHECK(at(lines[0], "0.id") == "\"p\"");
  CHECK(at(lines[0], "1.error.code") == "-32600");
  wire.initialize();
  CHECK(at(wire.say("[" + kPing + "]\n").at(0), "error.code") == "-32600");
}
