#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "mcp/call.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr std::string_view kAccept = R"({"action":"accept","content":{"confirm":true}})";

/// A modern client that can be asked, and its first call of "remove".
struct Asked {
  explicit Asked(mcp::Limits limits = {}) : harness(limits) {
    harness.abilities = R"({"elicitation":{}})";
    first = harness.modern_call("remove", R"({"id":"a","n":1})")->body();
    state = at(first, "result.requestState");
  }
  std::string retry(std::string_view answer, const std::string& arguments = R"({"id":"a","n":1})",
                    const std::string& key = "confirm") {
    return harness
        .modern_call("remove", arguments,
                     fmt::format(R"(,"inputResponses":{{"{}":{},"more":{{}}}},"requestState":{})", key, answer, state))
        ->body();
  }

  McpHarness harness;
  std::string first, state;
};

std::string text_of(const std::string& body) { return at(body, "result.content.0.text"); }

}  // namespace

TEST_CASE("mcp ask: a modern client is asked by its answer, and removes after yes", "[mcp]") {
  Asked asked;
  CHECK(at(asked.first, "result.resultType") == "\"input_required\"");
  CHECK(at(asked.first, "result.inputRequests.confirm.method") == "\"elicitation/create\"");
  CHECK(at(asked.first, "result.inputRequests.confirm.params.mode") == "\"form\"");
  CHECK(at(asked.first, "result.inputRequests.confirm.params.requestedSchema.required") == R"(["confirm"])");
  CHECK(at(asked.first, "result.ttlMs").empty());
  CHECK(asked.first.find("serverInfo") != std::string::npos);
  CHECK(text_of(asked.retry(kAccept)) == "\"removed, heads-7\"");
}

TEST_CASE("mcp ask: no, a closed form, and a box that is not ticked remove nothing", "[mcp]") {
  CHECK(text_of(Asked().retry(R"({"action":"decline"})")) == "\"kept: declined\"");
  CHECK(text_of(Asked().retry(R"({"action":"cancel"})")) == "\"kept: cancelled\"");
  CHECK(text_of(Asked().retry(R"({"action":"accept","content":{"confirm":false}})")) == "\"kept: not ticked\"");
}

TEST_CASE("mcp ask: what is no answer is asked again", "[mcp]") {
  for (const std::string answer :
       {"7", "null", "true", "{}", R"({"action":"yes"})", R"({"action":"accept"})",
        R"({"action":"accept","content":{"confirm":"yes"}})", R"({"action":"accept","content":{}})",
        R"({"action":["accept"],"content":{"confirm":true}})"}) {
    INFO(answer);
    Asked asked;
    CHECK(at(asked.retry(answer), "result.resultType") == "\"input_required\"");
    CHECK(text_of(asked.retry(kAccept)) == "\"removed, heads-7\"");  // and the first state still serves
  }
  Asked asked;
  CHECK(at(asked.retry(kAccept, R"({"id":"a","n":1})", "other"), "result.resultType") == "\"input_required\"");
  const std::string no_state =
      asked.harness
          .modern_call("remove", R"({"id":"a","n":1})", fmt::format(R"(,"inputResponses":{{"confirm":{}}})", kAccept))
          ->body();
  CHECK(at(no_state, "result.resultType") == "\"input_required\"");
}

TEST_CASE("mcp ask: a state serves once, for its principal, its arguments and its time", "[mcp]") {
  const auto refused = [](const std::string& body) {
    CHECK(at(body, "error.code") == "-32602");
    CHECK(at(body, "error.message").find("requestState refused") != std::string::npos);
  };
  Asked asked;
  CHECK(text_of(asked.retry(kAccept, R"({"n":1,"id":"a"})")) ==
        "\"removed, heads-7\"");  // the order of keys is nothing
  refused(asked.retry(kAccept));
  refused(asked.retry(R"({"action":"decline"})"));

  refused(Asked().retry(kAccept, R"({"id":"b","n":1})"));
  Asked foreign;
  foreign.harness.principal.name = "mallory";
  refused(foreign.retry(kAccept));
  Asked late;
  late.harness.scheduler.advance(std::chrono::seconds(300));
  refused(late.retry(kAccept));
  Asked other;
  other.state = asked.state;  // of another process
  refused(other.retry(kAccept));

  Asked changed;
  const std::string good = changed.state;
  for (std::size_t place : {std::size_t{1}, std::size_t{40}, good.size() / 2, good.size() - 3}) {
    changed.state = good;
    changed.state[place] = changed.state[place] == 'A' ? 'B' : 'A';
    refused(changed.retry(kAccept));
  }
  for (const std::string bad : {R"("")", R"(".")", R"("a.b")", R"("e30.e30")"}) {
    changed.state = bad;
    refused(changed.retry(kAccept));
  }
  changed.state = "7";
  CHECK(at(changed.retry(kAccept), "error.code") == "-32602");
  changed.state = good;
  CHECK(text_of(changed.retry(kAccept)) == "\"removed, heads-7\"");
}

TEST_CASE("mcp ask: when no more used states can be remembered, no answer counts", "[mcp]") {
  Asked asked({.used_answers = 1});
  const std::string first = asked.state;
  const std::string second =
      at(asked.harness.modern_call("remove", R"({"id":"a","n":1})")->body(), "result.requestState");
  CHECK(text_of(asked.retry(kAccept)) == "\"removed, heads-7\"");
  asked.state = second;
  CHECK(at(asked.retry(kAccept), "error.code") == "-32602");
}

TEST_CASE("mcp ask: inputResponses that are no object are an error", "[mcp]") {
  Asked asked;
  for (const std::string bad : {"null", "[]", "7"})
    CHECK(at(asked.harness.modern_call("remove", "{}", ",\"inputResponses\":" + bad)->body(), "error.code") ==
          "-32602");
}

TEST_CASE("mcp ask: a client that cannot be asked removes nothing", "[mcp]") {
  for (const std::string abilities :
       {"{}", R"({"elicitation":{"url":{}}})", R"({"sampling":{}})", R"({"elicitation":true})"}) {
    INFO(abilities);
    McpHarness harness;
    harness.abilities = abilities;
    const std::string body = harness.modern_call("remove")->body();
    CHECK(at(body, "result.isError") == "true");
    CHECK(text_of(body) == "\"kept: nobody to ask\"");
    const std::string session = harness.initialize("2025-11-25", abilities);
    const std::string legacy =
        harness.legacy(session, R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})")->body();
    CHECK(text_of(legacy) == "\"kept: nobody to ask\"");
  }
  McpHarness oldest;
  const std::string session = oldest.initialize("2025-03-26", R"({"elicitation":{}})");
  CHECK(text_of(oldest.legacy(session, R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})")
                    ->body()) == "\"kept: nobody to ask\"");
}

namespace {

/// A legacy session that is being asked.
struct LegacyAsked {
  explicit LegacyAsked(const std::string& version = "2025-11-25") {
    session = harness.initialize(version, R"({"elicitation":{}})");
    outcome = harness.legacy(session, R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})");
    if (!outcome->events.empty()) id = at(outcome->events[0], "id");
  }
  std::string answer(const std::string& result) {
    const auto posted = harness.legacy(session, fmt::format(R"({{"jsonrpc":"2.0","id":{},{}}})", id, result));
    CHECK(posted->status() == 202);
    return outcome->finished ? text_of(outcome->events.back()) : "";
  }
  McpHarness harness;
  std::string session, id;
  std::shared_ptr<testing::Outcome> outcome;
};

}  // namespace

TEST_CASE("mcp ask: a legacy client is asked on the call's own stream", "[mcp]") {
  LegacyAsked asked;
  REQUIRE(asked.outcome->events.size() == 1);
  CHECK(at(asked.outcome->events[0], "method") == "\"elicitation/create\"");
  CHECK(at(asked.outcome->events[0], "params.mode") == "\"form\"");
  CHECK(asked.answer(fmt::format("\"result\":{}", kAccept)) == "\"removed, heads-7\"");
  CHECK(asked.harness.scheduler.timers() == 1);
  asked.answer(fmt::format("\"result\":{}", kAccept));  // a second time: nobody waits
  CHECK(asked.harness.handled == 2);
  CHECK(at(LegacyAsked("2025-06-18").outcome->events[0], "params.mode").empty());
}

TEST_CASE("mcp ask: a legacy answer that is none counts as a closed form", "[mcp]") {
  CHECK(LegacyAsked().answer(R"("result":{"action":"decline"})") == "\"kept: declined\"");
  for (const std::string bad : {R"("result":{})", R"("result":{"action":"accept","content":{"confirm":1}})",
                                R"("error":{"code":-1,"message":"no"})"}) {
    INFO(bad);
    CHECK(LegacyAsked().answer(bad) == "\"kept: cancelled\"");
  }
}

TEST_CASE("mcp ask: a legacy answer has its time, its session and its principal", "[mcp]") {
  LegacyAsked late;
  late.harness.scheduler.advance(std::chrono::seconds(300));
  CHECK(text_of(late.outcome->events.back()) == "\"kept: cancelled\"");
  CHECK(late.outcome->events.at(1).find("notifications/cancelled") != std::string::npos);

  LegacyAsked foreign;
  const std::string accept = fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", foreign.id, kAccept);
  CHECK(foreign.harness.legacy(foreign.harness.initialize(), accept)->status() == 202);
  foreign.harness.principal.name = "mallory";
  CHECK(foreign.harness.legacy(foreign.session, accept)->status() == 404);
  CHECK(foreign.harness.handled == 1);

  LegacyAsked ended;
  ended.harness.send("DELETE", "", {{"Mcp-Session-Id", ended.session}});
  CHECK(ended.outcome->finished);
  CHECK(ended.outcome->events.size() == 1);
  CHECK(ended.harness.handled == 1);
  ended.harness.scheduler.advance(std::chrono::seconds(600));
  CHECK(ended.harness.handled == 1);
}

TEST_CASE("mcp ask: a client that takes no stream cannot be asked", "[mcp]") {
  McpHarness harness;
  const std::string session = harness.initialize("2025-11-25", R"({"elicitation":{}})");
  const auto outcome =
      harness.send("POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remove"}})",
                   {{"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Mcp-Session-Id", session}});
  CHECK(text_of(outcome->body()) == "\"kept: nobody to ask\"");
}
