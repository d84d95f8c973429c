#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "mcp/call.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

struct Watched : McpHarness {
  explicit Watched(mcp::Limits limits = {}) : McpHarness(limits) {
    REQUIRE(server.add(mcp::Resource{{.uri = "test://a", .name = "a"}, [](const auto& call) { call->not_found(); }}));
    REQUIRE(server.add(mcp::Prompt{.name = "p", .description = "p"}));
  }
  std::shared_ptr<testing::Outcome> listen(const std::string& wants, const std::string& id = "\"l\"") {
    return modern("subscriptions/listen", "\"notifications\":" + wants, id);
  }
  void change_everything() {
    server.tools_list_changed();
    server.prompts_list_changed();
    server.resources_list_changed();
    server.resource_updated("test://a");
    server.resource_updated("test://b");
  }
};

std::string subscription_id(const std::string& event) {
  const std::string key = R"("io.modelcontextprotocol/subscriptionId":)";
  const std::size_t place = event.find(key);
  return place == std::string::npos
             ? ""
             : event.substr(place + key.size(), event.find_first_of(",}", place + key.size()) - place - key.size());
}

std::vector<std::string> methods(const std::vector<std::string>& events) {
  std::vector<std::string> found;
  for (const std::string& event : events) found.push_back(at(event, "method"));
  return found;
}

}  // namespace

TEST_CASE("mcp listen: the acknowledgement comes first, and only what was asked for follows", "[mcp]") {
  struct Row {
    std::string wants, honoured;
    std::vector<std::string> follows;
  };
  const std::vector<Row> rows{{R"({"toolsListChanged":true})", R"({"toolsListChanged":true})", {"tools/list_changed"}},
                              {R"({"promptsListChanged":true,"toolsListChanged":false})",
                               R"({"promptsListChanged":true})",
                               {"prompts/list_changed"}},
                              {R"({"resourcesListChanged":true,"unknown":true})",
                               R"({"resourcesListChanged":true})",
                               {"resources/list_changed"}},
                              {R"({"resourceSubscriptions":["test://a","test://c"]})",
                               R"({"resourceSubscriptions":["test://a","test://c"]})",
                               {"resources/updated"}}};
  for (const Row& row : rows) {
    Watched watched;
    INFO(row.wants);
    const auto outcome = watched.listen(row.wants, "7");
    watched.change_everything();
    REQUIRE(outcome->events.size() == 1 + row.follows.size());
    CHECK(at(outcome->events[0], "method") == "\"notifications/subscriptions/acknowledged\"");
    CHECK(at(outcome->events[0], "params.notifications") == row.honoured);
    for (const std::string& event : outcome->events) CHECK(subscription_id(event) == "7");
    for (std::size_t i = 0; i < row.follows.size(); ++i)
      CHECK(at(outcome->events[i + 1], "method") == "\"notifications/" + row.follows[i] + "\"");
    CHECK(!outcome->finished);
  }
}

TEST_CASE("mcp listen: what cannot be", "[mcp]") {
  Watched watched({.listens = 1, .subscriptions = 2});
  CHECK(at(watched.modern("subscriptions/listen")->body(), "error.code") == "-32602");
  CHECK(at(watched.listen("[]")->body(), "error.code") == "-32602");
  CHECK(at(watched.listen(R"({"resourceSubscriptions":["a:b","a:c","a:d"]})")->body(), "error.code") == "-32602");
  CHECK(at(watched.listen(R"({"resourceSubscriptions":[7]})")->body(), "error.code") == "-32602");
  const auto nothing = watched.listen("{}");
  REQUIRE(nothing->events.size() == 2);
  CHECK(at(nothing->events[1], "result.resultType") == "\"complete\"");
  CHECK(nothing->finished);
  CHECK(watched.listen(R"({"toolsListChanged":true})")->streaming);
  CHECK(at(watched.listen(R"({"toolsListChanged":true})")->body(), "error.code") == "-32603");
}

TEST_CASE("mcp listen: ends with its client, or with its response when the server goes", "[mcp]") {
  Watched watched;
  const auto left = watched.listen(R"({"toolsListChanged":true})");
  left->leave();
  CHECK(watched.server.counts().listens == 0);
  const auto stays = watched.listen(R"({"toolsListChanged":true})");
  watched.server.shut_down();
  REQUIRE(stays->events.size() == 2);
  CHECK(at(stays->events[1], "id") == "\"l\"");
  CHECK(at(stays->events[1], "result.resultType") == "\"complete\"");
  CHECK(subscription_id(stays->events[1]) == "\"l\"");
  CHECK(stays->finished);
  CHECK(watched.modern("tools/list")->status() == 503);
}

TEST_CASE("mcp: calls that are open when the server goes are answered, and their handlers told", "[mcp]") {
  Watched watched;
  const auto modern = watched.modern_call("hold");
  const std::string id = watched.initialize();
  const auto legacy = watched.legacy(id, R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold"}})");
  bool told = false;
  watched.held.at(0)->on_cancel([&] { told = true; });
  watched.server.shut_down();
  CHECK(modern->status() == 503);
  CHECK(at(modern->body(), "error.code") == "-32603");
  CHECK(legacy->status() == 503);
  CHECK(told);
  CHECK(watched.held.at(1)->cancelled());
  CHECK(watched.scheduler.timers() == 0);
}

TEST_CASE("mcp legacy: a session's stream has lists and the resources it subscribed to", "[mcp]") {
  Watched watched;
  const std::string id = watched.initialize();
  const Headers headers{{"Mcp-Session-Id", id}, {"Accept", "text/event-stream"}};
  const auto first = watched.send("GET", "", headers);
  CHECK(at(watched.legacy(id, R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://a"}})")
               ->body(),
           "result") == "{}");
  watched.change_everything();
  CHECK(methods(first->events) ==
        std::vector<std::string>{"\"notifications/tools/list_changed\"", "\"notifications/prompts/list_changed\"",
                                 "\"notifications/resources/list_changed\"", "\"notifications/resources/updated\""});
  const auto second = watched.send("GET", "", headers);
  CHECK(first->finished);
  CHECK(
      at(watched.legacy(id, R"({"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"test://a"}})")
             ->body(),
         "result") == "{}");
  watched.server.resource_updated("test://a");
  CHECK(second->events.empty());
  second->gone = true;
  watched.server.tools_list_changed();
  watched.send("DELETE", "", {{"Mcp-Session-Id", id}});
  CHECK(watched.server.counts().sessions == 0);
}
