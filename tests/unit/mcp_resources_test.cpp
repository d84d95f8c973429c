#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "mcp/call.hpp"
#include "mcp/uri_template.hpp"
#include "support/mcp_harness.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// Two fixed resources, a template, a lister of five, a prompt and completions.
struct Library : McpHarness {
  explicit Library(mcp::Limits limits = {.page = 1}) : McpHarness(limits) {
    const auto read = [](const std::shared_ptr<mcp::Call>& call) {
      call->finish(
          mcp::ResourceResult().text(call->target(), "text/plain", fmt::format("it is {}", call->variable("id"))));
    };
    for (const std::string uri : {"test://b", "test://a"})
      REQUIRE(server.add(mcp::Resource{{.uri = uri, .name = uri}, read}));
    REQUIRE(server.add(mcp::ResourceTemplate{{.uri = "test://story/{id}", .name = "story"}, [read](const auto& call) {
                                               if (call->variable("id") == "gone") return call->not_found();
                                               read(call);
                                             }}));
    server.set_lister(
        [](const std::optional<std::string>& cursor, const http::Principal&) -> Result<mcp::ResourcePage> {
          const int from = cursor ? std::atoi(cursor->c_str()) : 0;
          if (cursor && from <= 0) return fail(Errc::usage, "not a cursor");
          mcp::ResourcePage page;
          page.items.push_back({.uri = fmt::format("test://story/{}", from), .name = "s"});
          if (from < 4) page.next_cursor = std::to_string(from + 1);
          return page;
        });
    REQUIRE(server.add(mcp::Prompt{.name = "why",
                                   .description = "Why it comes back",
                                   .arguments = {{.name = "story", .required = true}, {.name = "tone"}},
                                   .handler = [](const auto& call) {
                                     const auto story = call->arguments()["story"].string().value_or("");
                                     call->finish(
                                         mcp::PromptResult{.description = "d"}.add("user", mcp::Content().text(story)));
                                   }}));
    server.complete_prompt("why", [](const mcp::CompletionRequest& request) {
      mcp::CompletionValues found;
      for (int i = 0; i < 150; ++i) found.values.push_back(fmt::format("{}{}", request.value, i));
      return found;
    });
    server.complete_resource("test://story/{id}", [](const mcp::CompletionRequest& request) {
      return mcp::CompletionValues{.values = {fmt::format("{} of {}", request.value, request.arguments.size())},
                                   .total = 9};
    });
  }
};

}  // namespace

TEST_CASE("mcp resources: every one is on some page, and the last has no cursor", "[mcp]") {
  for (const std::size_t page : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
    Library library({.page = page});
    std::vector<std::string> seen;
    std::string cursor;
    do {
      const std::string body = library.modern("resources/list", cursor.empty() ? "" : "\"cursor\":" + cursor)->body();
      REQUIRE(at(body, "error").empty());
      CHECK(at(body, "result.cacheScope") == "\"private\"");
      for (int i = 0; !at(body, fmt::format("result.resources.{}.uri", i)).empty(); ++i)
        seen.push_back(at(body, fmt::format("result.resources.{}.uri", i)));
      cursor = at(body, "result.nextCursor");
    } while (!cursor.empty());
    CHECK(seen == std::vector<std::string>{"\"test://a\"", "\"test://b\"", "\"test://story/0\"", "\"test://story/1\"",
                                           "\"test://story/2\"", "\"test://story/3\"", "\"test://story/4\""});
  }
}

TEST_CASE("mcp lists: a cursor that is not the server's is invalid", "[mcp]") {
  Library library;
  for (const std::string cursor : {"\"\"", "\"x\"", "7", "null", "\"list:x\"", "\"list:-1\""})
    CHECK(at(library.modern("resources/list", "\"cursor\":" + cursor)->body(), "error.code") == "-32602");
  for (const std::string method : {"tools/list", "prompts/list", "resources/templates/list"}) {
    CHECK(at(library.modern(method, R"("cursor":"x")")->body(), "error.code") == "-32602");
    CHECK(at(library.modern(method)->body(), "result.ttlMs") == "60000");
  }
}

TEST_CASE("mcp resources: reading, by URI and by template", "[mcp]") {
  Library library;
  const auto read = [&](const std::string& uri) {
    return library.modern("resources/read", "\"uri\":\"" + uri + "\"")->body();
  };
  CHECK(at(read("test://a"), "result.contents") == R"([{"uri":"test://a","mimeType":"text/plain","text":"it is "}])");
  CHECK(at(read("test://a"), "result.ttlMs") == "0");
  CHECK(at(read("test://story/a%20b"), "result.contents.0.text") == "\"it is a b\"");
  for (const std::string uri :
       {"test://c", "test://story/", "test://story/a/b", "test://story/a%2", "test://story/%ff", "test://story/gone"}) {
    INFO(uri);
    CHECK(at(read(uri), "error.code") == "-32602");
    CHECK(at(read(uri), "error.data.uri") == "\"" + uri + "\"");
  }
  const std::string session = library.initialize();
  const auto legacy =
      library.legacy(session, R"({"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://c"}})");
  CHECK(legacy->status() == 200);
  CHECK(at(legacy->body(), "error.code") == "-32002");
}

TEST_CASE("mcp resources: templates match what they would have made", "[mcp]") {
  const auto match = [](std::string_view pattern, std::string_view uri) -> std::string {
    const auto parsed = mcp::UriTemplate::parse(pattern);
    if (!parsed) return "bad template";
    const auto variables = parsed->match(uri);
    if (!variables) return "no";
    std::string text;
    for (const auto& [name, value] : *variables) text += name + "=" + value + " ";
    return text;
  };
  CHECK(match("a://{x}/data", "a://1/data") == "x=1 ");
  CHECK(match("a://{x}/data", "a://1/data/data") == "no");
  CHECK(match("a://{x}-{y}", "a://1-2") == "x=1 y=2 ");
  CHECK(match("a://{x}.md", "a://v1.md.md") == "x=v1.md ");
  CHECK(match("a://b", "a://b") == "");
  CHECK(match("a://{x}", "a://") == "no");
  for (const std::string bad : {"{", "}", "{}", "{x}{y}", "a{x"}) CHECK(match(bad, "a") == "bad template");
}

TEST_CASE("mcp prompts: arguments are checked", "[mcp]") {
  Library library;
  const auto get = [&](const std::string& arguments) {
    return library.modern("prompts/get", R"("name":"why","arguments":)" + arguments)->body();
  };
  CHECK(at(get(R"({"story":"s"})"), "result.messages") == R"([{"role":"user","content":{"type":"text","text":"s"}}])");
  CHECK(at(get(R"({"story":"s"})"), "result.description") == "\"d\"");
  for (const std::string bad : {"{}", R"({"story":7})", R"({"story":"s","x":"y"})", "[]"})
    CHECK(at(get(bad), "error.code") == "-32602");
  CHECK(at(library.modern("prompts/get", R"("name":"who")")->body(), "error.code") == "-32602");
  CHECK(at(library.modern("prompts/list")->body(), "result.prompts.0.arguments.0.required") == "true");
}

TEST_CASE("mcp completion: at most a hundred values, by prompt and by template", "[mcp]") {
  Library library;
  const auto complete = [&](const std::string& ref, const std::string& more = "") {
    return library
        .modern("completion/complete",
                fmt::format(R"("ref":{},"argument":{{"name":"story","value":"4"}}{})", ref, more))
        ->body();
  };
  const std::string prompt = complete(R"({"type":"ref/prompt","name":"why"})");
  CHECK(at(prompt, "result.completion.values.99") == "\"499\"");
  CHECK(at(prompt, "result.completion.values.100").empty());
  CHECK(at(prompt, "result.completion.hasMore") == "true");
  const std::string resource =
      complete(R"({"type":"ref/resource","uri":"test://story/{id}"})", R"(,"context":{"arguments":{"a":"b"}})");
  CHECK(at(resource, "result.completion.values") == R"(["4 of 1"])");
  CHECK(at(resource, "result.completion.total") == "9");
  for (const std::string bad : {R"({"type":"ref/prompt","name":"who"})", R"({"type":"ref/x"})", "7"})
    CHECK(at(complete(bad), "error.code") == "-32602");
}

TEST_CASE("mcp registering: names and schemas that the protocol does not allow are refused", "[mcp]") {
  McpHarness harness;
  const auto add = [&](const std::string& name, const std::string& schema) {
    return harness.server.add({.name = name, .description = "d", .input_schema = schema}).has_value();
  };
  const std::string good = R"({"type":"object","properties":{}})";
  CHECK(add("a.b-c_D9", good));
  for (const std::string bad : {"", "a b", "a/b", "é"}) CHECK(!add(bad, good));
  CHECK(!add(std::string(65, 'a'), good));
  for (const std::string bad : {"", "{", "[]", "{}", R"({"type":"object"})", R"({"type":"string","properties":{}})"})
    CHECK(!add("a", bad));
}
