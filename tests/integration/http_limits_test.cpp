// What one client can take of the server, and what time it has.
#include <catch2/catch.hpp>

#include <chrono>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

http::Options with(const http::Limits& limits) {
  http::Options options;
  options.limits = limits;
  return options;
}

/// The connection ends after its last answer.
void check_ends(RawClient& client) {
  CHECK(client.read_to_end().empty());
  CHECK(client.ended());
}

}  // namespace

TEST_CASE("http: a header over the limit is a 431, a body over it a 413, and the connection ends", "[http]") {
  http::Limits limits;
  limits.header_bytes = 2000;
  limits.body_bytes = 1000;
  HttpServer server(with(limits));
  const std::vector<std::pair<std::string, int>> requests{
      {get("/hello", "X: " + std::string(3000, 'x') + "\r\n"), 431},
      {get("/" + std::string(3000, 'x')), 431},
      {post("/echo", std::string(1001, 'x')), 413},
      {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
      {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(9000, 'x'), 400}};
  for (const auto& [request, status] : requests) {
    CAPTURE(request.substr(0, 100));
    RawClient client(server.port());
    client.send(request);
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->status == status);
    CHECK(answer->header("Connection") == "close");
    check_ends(client);
  }
  CHECK(ask(server.port(), post("/echo", std::string(1000, 'x')))->status == 200);
}

TEST_CASE("http: who sends a body that is too long still reads why", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n");
  client.send(std::string(8'000'000, 'x'));
  const auto answer = client.read_response();
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("http: headers and bodies that take too long are a 408, silence ends the connection", "[http]") {
  http::Limits limits;
  limits.idle_timeout = 200ms;
  limits.header_timeout = 200ms;
  limits.body_timeout = 200ms;
  HttpServer server(with(limits));
  RawClient silent(server.port());
  RawClient headers(server.port());
  RawClient body(server.port());
  RawClient used(server.port());
  headers.send("GET /hello HTTP/1.1\r\nHost:");
  body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhel");
  used.send(get("/hello"));
  CHECK(used.read_response()->status == 200);
  check_ends(silent);
  check_ends(used);
  CHECK(headers.read_response()->status == 408);
  check_ends(headers);
  CHECK(body.read_response()->status == 408);
  check_ends(body);
}

TEST_CASE("http: a time-out does not fall upon a handler that thinks", "[http]") {
  http::Limits limits;
  limits.idle_timeout = limits.header_timeout = limits.body_timeout = limits.write_timeout = 20ms;
  std::shared_ptr<http::Exchange> kept;
  std::atomic<bool> begun = false;
  HttpServer server(with(limits), [&](http::Server& http) {
    http.route("/work", [&](std::shared_ptr<http::Exchange> exchange) {
      kept = std::move(exchange);
      begun = true;
    });
  });
  RawClient busy(server.port());
  busy.send(get("/work"));
  REQUIRE(wait_until([&] { return begun.load(); }));
  // Another connection is timed out in the meantime, three times over.
  for (int i = 0; i < 3; ++i) {
    RawClient idle(server.port());
    check_ends(idle);
  }
  server.call([&](http::Server&) { std::exchange(kept, nullptr)->respond({.body = "thought"}); });
  CHECK(busy.read_response()->body == "thought");
}

TEST_CASE("http: a client that does not read its answer is given up", "[http]") {
  http::Limits limits;
  limits.write_timeout = 200ms;
  HttpServer server(with(limits), [](http::Server& http) {
    http.route("/big", [](const std::shared_ptr<http::Exchange>& exchange) {
      exchange->respond({.body = std::string(32U << 20U, 'x')});
    });
  });
  RawClient client(server.port(), 4096);
  client.send(get("/big"));
  CHECK(wait_until([&] { return server.stats().requests == 1; }));
  CHECK(wait_until([&] { return server.stats().connections == 0; }));
}

TEST_CASE("http: over the limit of connections the one that waited longest makes room", "[http]") {
  http::Limits limits;
  limits.connections = 4;
  HttpServer server(with(limits));
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server.port());
    clients.back().send(get("/hello"));
    REQUIRE(clients.back().read_response());
  }
  CHECK(ask(server.port(), get("/hello"))->status == 200);
  check_ends(clients[0]);
  clients[1].send(get("/hello"));
  CHECK(clients[1].read_response()->status == 200);
  CHECK(server.stats().turned_away == 1);
}

TEST_CASE("http: whose body is still coming makes room too", "[http]") {
  http::Limits limits;
  limits.connections = 4;
  HttpServer server(with(limits));
  std::vector<RawClient> slow;
  for (int i = 0; i < 4; ++i) {
    slow.emplace_back(server.port());
    slow.back().send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    REQUIRE(slow.back().read_until("100 Continue\r\n\r\n").ends_with("\r\n\r\n"));
    slow.back().send("hell");
  }
  const auto answer = ask(server.port(), get("/hello"));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  check_ends(slow[0]);
  slow[1].send("o");
  CHECK(slow[1].read_response()->body == "hello");
}

TEST_CASE("http: who may ask without a token may send no body", "[http]") {
  HttpServer server({}, [](http::Server& http) {
    http.route(
        "/open", [](const std::shared_ptr<http::Exchange>& exchange) { exchange->respond({.body = "open"}); },
        http::Access::anyone);
  });
  for (const std::string length : {"Content-Length: 4194304", "Content-Length: 1", "Transfer-Encoding: chunked"}) {
    CAPTURE(length);
    RawClient client(server.port());
    client.send("POST /open HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n");
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->status == 413);
    check_ends(client);
  }
  RawClient client(server.port());
  for (const std::string& request : {get("/open"), get("/open", "Content-Length: 0\r\n"), post("/open", "")}) {
    client.send(request);
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->body == "open");
  }
  client.send("HEAD /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.read_response(kPatience, true)->status == 200);
  CHECK(ask(server.port(), post("/echo", "x"))->body == "x");
}

TEST_CASE("http: over the limit it is the source with most connections that makes room", "[http]") {
  http::Limits limits;
  limits.connections = 4;
  HttpServer server(with(limits));
  RawClient alone(server.port(), 0, "127.0.0.2");
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(server.port());
  REQUIRE(wait_until([&] { return server.stats().connections == 4; }));
  CHECK(ask(server.port(), get("/hello"))->status == 200);
  check_ends(clients[0]);
  alone.send(get("/hello"));
  CHECK(alone.read_response()->status == 200);
}

TEST_CASE("http: where every connection is at work, one more gets a 503", "[http]") {
  http::Limits limits;
  limits.connections = 2;
  std::vector<std::shared_ptr<http::Exchange>> kept;
  std::atomic<int> begun = 0;
  HttpServer server(with(limits), [&](http::Server& http) {
    http.route("/work", [&](std::shared_ptr<http::Exchange> exchange) {
      kept.push_back(std::move(exchange));
      ++begun;
    });
  });
  RawClient first(server.port());
  RawClient second(server.port());
  first.send(get("/work"));
  second.send(get("/work"));
  REQUIRE(wait_until([&] { return begun == 2; }));
  RawClient third(server.port());
  const auto answer = third.read_response();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  check_ends(third);
  server.call([&](http::Server&) {
    for (const auto& exchange : kept) exchange->respond({});
    kept.clear();
  });
  CHECK(first.read_response()->status == 200);
  CHECK(second.read_response()->status == 200);
}
