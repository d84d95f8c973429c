// Every combination of Host, Origin, token, method and path: a handler sees what it should, and nothing else.
#include <catch2/catch.hpp>

#include <atomic>
#include <map>

#include "crypto/hashing.hpp"
#include "support/http_server.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using Catch::Matchers::Contains;
using Exchange = std::shared_ptr<http::Exchange>;

namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";
const std::string kReadOnly = "fedcba9876543210fedcba9876543210";

http::Options with_tokens() {
  http::Options options;
  options.tokens =
      http::TokenTable::parse("alice " + kToken + "\nviewer " + kReadOnly + " read-only\n", "tokens").value();
  options.allowed_hosts = {"musher.example"};
  return options;
}

struct Choice {
  std::string text;
  bool good;
};

std::string line(const std::string& name, const std::string& value) {
  return value.empty() ? "" : name + ": " + value + "\r\n";
}

}  // namespace

TEST_CASE("guards: of all combinations of Host, Origin, token, method and path none is wrongly accepted", "[http]") {
  std::atomic<int> seen = 0;
  HttpServer server(with_tokens(), [&](http::Server& http) {
    http.route("/mcp", [&](const Exchange& exchange) {
      ++seen;
      exchange->respond({.body = exchange->request().principal.name});
    });
    http.route(
        "/livez",
        [&](const Exchange& exchange) {
          ++seen;
          exchange->respond({.body = "alive"});
        },
        http::Access::anyone);
  });
  const std::vector<Choice> hosts{
      {"localhost", true},     {"127.0.0.1:7777", true},          {"[::1]:1", true}, {"musher.example", true},
      {"evil.example", false}, {"localhost.evil.example", false}, {"", false}};
  const std::vector<Choice> origins{
      {"", true},      {"http://localhost:3000", true}, {"https://musher.example", true},
      {"null", false}, {"http://evil.example", false},  {"https://localhost.evil.example", false}};
  const std::vector<Choice> tokens{{"", false},
                                   {"Bearer " + kToken, true},
                                   {"bearer " + kReadOnly, true},
                                   {"Bearer " + kToken + "0", false},
                                   {"Bearer " + kToken.substr(1), false},
                                   {"Basic " + kToken, false},
                                   {kToken, false},
                                   {"Bearer", false}};
  const std::vector<std::string> methods{"GET", "POST", "DELETE", "OPTIONS", "BREW"};
  const std::vector<std::string> paths{
      "/mcp", "/livez", "/mcp/", "/MCP", "/.well-known/oauth-protected-resource/mcp", "/mcp?access_token=" + kToken};
  int asked = 0;
  int accepted = 0;
  RawClient client(server.port());
  for (const Choice& host : hosts) {
    for (const Choice& origin : origins) {
      for (const Choice& token : tokens) {
        for (const std::string& method : methods) {
          for (const std::string& path : paths) {
            const std::string request = method + " " + path + " HTTP/1.1\r\n" + line("Host", host.text) +
                                        line("Origin", origin.text) + line("Authorization", token.text) + "\r\n";
            const bool has_route = path.starts_with("/mcp?") || path == "/mcp" || path == "/livez";
            const int expected = host.text.empty()                 ? 400
                                 : !host.good || !origin.good      ? 403
                                 : !has_route                      ? 404
                                 : path != "/livez" && !token.good ? 401
                                                                   : 200;
            const int seen_before = seen;
            REQUIRE(client.send(request));
            const auto answer = client.read_response();
            ++asked;
            if (!answer || answer->status != expected || seen - seen_before != (expected == 200 ? 1 : 0) ||
                (expected == 401) != (answer->header("WWW-Authenticate") == "Bearer")) {
              FAIL_CHECK(request << "expected " << expected << ", got " << (answer ? answer->status : 0));
            }
            if (expected == 200) ++accepted;
            if (answer->head.find("Access-Control") != std::string::npos) FAIL_CHECK("CORS: " << answer->head);
          }
        }
      }
    }
  }
  CHECK(asked == 7 * 6 * 8 * 5 * 6);
  CHECK(seen == accepted);
  CHECK(server.stats().accepted == 1);
}

TEST_CASE("guards: the principal is the token's, with read-only", "[http]") {
  HttpServer server(with_tokens());
  CHECK_THAT(ask(server.port(), get("/facts", "Authorization: Bearer " + kToken + "\r\n"))->body,
             Contains("principal=alice read_only=false"));
  CHECK_THAT(ask(server.port(), get("/facts", "Authorization: Bearer " + kReadOnly + "\r\n"))->body,
             Contains("principal=viewer read_only=true"));
  // Two tokens are no token, and a request says nothing about the next one on its connection.
  RawClient client(server.port());
  client.send(get("/facts", "Authorization: Bearer " + kToken + "\r\n") +
              get("/facts", "Authorization: Bearer " + kToken + "\r\nAuthorization: Bearer " + kReadOnly + "\r\n") +
              get("/facts"));
  CHECK(client.read_response()->status == 200);
  CHECK(client.read_response()->status == 401);
  CHECK(client.read_response()->status == 401);
}

TEST_CASE("guards: without tokens nobody is asked, and the principal has no name", "[http]") {
  HttpServer server;
  CHECK_THAT(ask(server.port(), get("/facts?a=b", "X-Test: 1\r\n"))->body,
             Contains("query=a=b principal= read_only=false x=1"));
}

TEST_CASE("guards: two Hosts, or Hosts that differ in case and number, are refused", "[http]") {
  HttpServer server;
  CHECK(ask(server.port(), get("/hello", "Host: localhost\r\n"))->status == 400);
  CHECK(ask(server.port(), get("/hello", "hOST: evil.example\r\n"))->status == 400);
  CHECK(ask(server.port(), "GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n")->status == 400);
  CHECK(ask(server.port(), get("/hello", "Origin: http://localhost\r\nOrigin: http://localhost\r\n"))->status == 403);
}

TEST_CASE("guards: a refused request with a body ends its connection: the body is not the next request", "[http]") {
  HttpServer server(with_tokens());
  RawClient client(server.port());
  client.send(post("/hello", get("/hello", "Authorization: Bearer " + kToken + "\r\n")));
  CHECK(client.read_response()->status == 401);
  CHECK(client.read_to_end().empty());
  CHECK(client.ended());
  CHECK(server.stats().requests == 0);
}

TEST_CASE("guards: smuggled requests reach no handler", "[http]") {
  HttpServer server;
  const std::string inner = get("/hello");
  for (const std::string& headers :
       {std::string("Content-Length: 0\r\nContent-Length: 60\r\n"),
        std::string("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
        std::string("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"),
        std::string("Transfer-Encoding: xchunked\r\n"), std::string("Transfer-Encoding:\r\n chunked\r\n"),
        std::string("X: y\nContent-Length: 60\r\n"), std::string("Content-Length : 60\r\n")}) {
    CAPTURE(headers);
    RawClient client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n0\r\n\r\n" + inner);
    CHECK(client.read_response()->status == 400);
    CHECK(client.read_to_end().empty());
    CHECK(client.ended());
  }
  CHECK(server.stats().requests == 0);
}

TEST_CASE("guards: tokens can be changed while the server runs, and streams of those taken away end", "[http]") {
  std::vector<std::shared_ptr<http::EventStream>> streams;
  HttpServer server(with_tokens(), [&](http::Server& http) {
    http.route("/events", [&](const Exchange& exchange) { streams.push_back(exchange->stream({})); });
  });
  RawClient alice(server.port());
  RawClient viewer(server.port());
  alice.send(get("/events", "Authorization: Bearer " + kToken + "\r\n"));
  viewer.send(get("/events", "Authorization: Bearer " + kReadOnly + "\r\n"));
  REQUIRE(alice.read_head());
  REQUIRE(viewer.read_head());
  server.call(
      [&](http::Server& http) { http.set_tokens(http::TokenTable::parse("alice " + kToken, "tokens").value()); });
  CHECK(viewer.read_to_end().empty());
  CHECK(viewer.ended());
  CHECK(ask(server.port(), get("/hello", "Authorization: Bearer " + kReadOnly + "\r\n"))->status == 401);
  CHECK(ask(server.port(), get("/hello", "Authorization: Bearer " + kToken + "\r\n"))->status == 200);
  CHECK(server.stats().streams == 1);
  server.call([&](http::Server&) { streams.clear(); });
}

TEST_CASE("guards: who listens to refusals hears each with its peer", "[http]") {
  std::vector<std::string> heard;
  http::Options options = with_tokens();
  options.on_refused = [&](const http::Refused& refused) {
    heard.push_back(std::to_string(refused.status) + " " + std::string(refused.peer.substr(0, 10)));
  };
  HttpServer server(std::move(options));
  CHECK(ask(server.port(), get("/hello"))->status == 401);
  CHECK(ask(server.port(), "nonsense\r\n\r\n")->status == 400);
  server.stop();
  CHECK(heard == std::vector<std::string>{"401 127.0.0.1:", "400 127.0.0.1:"});
}
