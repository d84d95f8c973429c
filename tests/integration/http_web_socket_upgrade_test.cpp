// A server's WebSockets: who gets in. The clients are raw bytes.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "support/web_socket_echo.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

http::Options with_token() {
  http::Options options;
  options.tokens = http::TokenTable::parse("alice " + kToken + "\n", "tokens").value();
  options.allowed_hosts = {"musher.example"};
  return options;
}

}  // namespace

TEST_CASE("web socket: a right upgrade is answered with the key's digest and the preferred subprotocol", "[http]") {
  Echo echo({.subprotocols = {"musher.2", "musher.1"}});
  RawClient client(echo.port());
  client.send(upgrade_request("/ws", "Sec-WebSocket-Protocol: other, musher.1 ,musher.2\r\n"));
  const auto answer = client.read_head();
  REQUIRE(answer);
  CHECK(answer->status == 101);
  CHECK(answer->header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455, section 1.3
  CHECK(answer->header("Sec-WebSocket-Protocol") == "musher.2");
  CHECK_FALSE(answer->header("Sec-WebSocket-Extensions"));
  const auto recorder = echo.recorder();
  echo.on_socket(recorder, [](http::WebSocket& socket) {
    CHECK(socket.subprotocol() == "musher.2");
    CHECK_THAT(socket.peer(), Contains("127.0.0.1:"));
    CHECK_FALSE(socket.channel_binding());
  });
  CHECK(echo.server().stats().web_sockets == 1);
  CHECK(echo.server().stats().connections == 1);
}

TEST_CASE("web socket: where the peer writes, a token that may only read is refused", "[http]") {
  http::Options options;
  options.tokens = http::TokenTable::parse("alice " + kToken + " read-only\n", "tokens").value();
  const std::string token = "Authorization: Bearer " + kToken + "\r\n";
  Echo writing({.writes = true}, options);
  const auto refused = ask(writing.port(), upgrade_request("/ws", token));
  REQUIRE(refused);
  CHECK(refused->status == 403);
  CHECK_THAT(refused->body, Contains("may only read"));
  CHECK(writing.server().stats().refused == 1);
  CHECK(writing.opened() == 0);
  Echo reading({}, options);
  static_cast<void>(reading.connect(token));
}

TEST_CASE("web socket: what is no right upgrade is refused, and says why", "[http]") {
  Echo echo({.subprotocols = {"musher.2", "musher.1"}});
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string asks = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::string protocol = "Sec-WebSocket-Protocol: musher.1\r\n";
  struct Case {
    std::string request;
    int status;
    std::string why;
  };
  const std::string host = "Host: localhost\r\n";
  for (const Case& wrong : {
           Case{get("/ws"), 426, "this path is a WebSocket"},
           Case{get("/ws", "Upgrade: h2c\r\nConnection: Upgrade\r\n" + key + version + protocol), 426, "WebSocket"},
           Case{get("/ws", "Upgrade: websocket\r\n" + key + version + protocol), 426, "WebSocket"},
           Case{"GET /ws HTTP/1.0\r\n" + host + asks + key + version + protocol + "\r\n", 426, "WebSocket"},
           Case{"HEAD /ws HTTP/1.1\r\n" + host + asks + key + version + protocol + "\r\n", 405, ""},
           Case{post("/ws", "", asks + key + version + protocol), 405, "begins with GET"},
           Case{get("/ws", asks + key + protocol), 426, "version"},
           Case{get("/ws", asks + key + protocol + "Sec-WebSocket-Version: 8\r\n"), 426, "version"},
           Case{get("/ws", asks + key + protocol + version + version), 426, "version"},
           Case{get("/ws", asks + version + protocol), 400, "Sec-WebSocket-Key"},
           Case{get("/ws", asks + version + protocol + key + key), 400, "Sec-WebSocket-Key"},
           Case{get("/ws", asks + version + protocol + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n"), 400, "Key"},
           Case{get("/ws", asks + version + protocol + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n"), 400, "Key"},
           Case{get("/ws", asks + version + protocol + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n"), 400, "Key"},
           Case{get("/ws", asks + key + version + protocol + "Content-Length: 2\r\n") + "ab", 400, "no body"},
           Case{get("/ws", asks + key + version), 400, "musher.2, musher.1"},
           Case{get("/ws", asks + key + version + "Sec-WebSocket-Protocol: MUSHER.1, musher.10\r\n"), 400, "musher.2"},
           Case{get("/wsx", asks + key + version + protocol), 404, "nothing at this path"},
       }) {
    CAPTURE(wrong.request);
    RawClient client(echo.port());
    client.send(wrong.request);
    const auto answer = client.read_response(kPatience, wrong.request.starts_with("HEAD"));
    REQUIRE(answer);
    CHECK(answer->status == wrong.status);
    CHECK_THAT(answer->body, Contains(wrong.why));
    if (wrong.status == 426) CHECK(answer->header("Upgrade") == "websocket");
    if (wrong.why == "version") CHECK(answer->header("Sec-WebSocket-Version") == "13");
    if (wrong.status == 405) CHECK(answer->header("Allow") == "GET");
  }
  CHECK(echo.opened() == 0);
}

TEST_CASE("web socket: of all combinations of Host, Origin, token, method and path none is wrongly accepted",
          "[http]") {
  Echo echo({}, with_token());
  struct Choice {
    std::string text;
    bool good;
  };
  const auto line = [](const std::string& name, const std::string& value) {
    return value.empty() ? "" : name + ": " + value + "\r\n";
  };
  const std::vector<Choice> hosts{{"localhost:7777", true},
                                  {"musher.example", true},
                                  {"evil.example", false},
                                  {"localhost.evil.example", false},
                                  {"0.0.0.0", false},
                                  {"localhost.", false},
                                  {"", false}};
  const std::vector<Choice> origins{{"", true},
                                    {"http://localhost:3000", true},
                                    {"null", false},
                                    {"http://evil.example", false},
                                    {"https://localhost.evil.example", false},
                                    {"file://", false}};
  const std::vector<Choice> tokens{
      {"Bearer " + kToken, true}, {"", false}, {"Bearer " + kToken + "0", false}, {"Basic " + kToken, false}};
  const std::vector<std::string> methods{"GET", "POST", "OPTIONS"};
  const std::vector<std::string> paths{"/ws", "/ws/", "/ws?token=" + kToken};
  int asked = 0;
  std::size_t accepted = 0;
  for (const Choice& host : hosts) {
    for (const Choice& origin : origins) {
      for (const Choice& token : tokens) {
        for (const std::string& method : methods) {
          for (const std::string& path : paths) {
            ++asked;
            const std::string request =
                fmt::format("{} {} HTTP/1.1\r\n{}{}{}{}", method, path, line("Host", host.text),
                            line("Origin", origin.text), line("Authorization", token.text),
                            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
            CAPTURE(request);
            const int expected = host.text.empty()            ? 400
                                 : !host.good || !origin.good ? 403
                                 : path == "/ws/"             ? 404
                                 : !token.good                ? 401
                                 : method != "GET"            ? 405
                                                              : 101;
            RawClient client(echo.port());
            client.send(request);
            const auto answer = client.read_head();
            REQUIRE(answer);
            CHECK(answer->status == expected);
            accepted += expected == 101 ? 1 : 0;
          }
        }
      }
    }
  }
  CHECK(asked == 7 * 6 * 4 * 3 * 3);
  REQUIRE(wait_until([&] { return echo.opened() >= accepted; }));
  CHECK(echo.opened() == accepted);
  CHECK(accepted == 2 * 2 * 2);
  CHECK(echo.principal() == "alice");
}

TEST_CASE("web socket: frames that come with the upgrade, and requests before it, are not lost", "[http]") {
  Echo echo;
  RawClient client(echo.port());
  std::string frames;
  for (int i = 0; i < 3000; ++i) frames += frame(Opcode::binary, fmt::format("message {}", i));
  // 60 KB: more than the connection's buffer has
  client.send(get("/hello") + upgrade_request("/ws") + frames);
  const auto hello = client.read_response();
  REQUIRE(hello);
  CHECK(hello->status == 200);
  REQUIRE(client.read_head());
  for (int i = 0; i < 3000; ++i) {
    const auto echoed = read_frame(client);
    REQUIRE(echoed);
    REQUIRE(echoed->payload == fmt::format("message {}", i));
  }
}

TEST_CASE("web socket: an upgrade that was pipelined behind an answer that takes its time is refused", "[http]") {
  std::shared_ptr<http::Exchange> waiting;
  http::Options options;
  HttpServer server(std::move(options), [&](http::Server& http) {
    http.route("/later", [&](std::shared_ptr<http::Exchange> exchange) { waiting = std::move(exchange); });
    http.route_web_socket("/ws", [](const http::Request&, const std::shared_ptr<http::WebSocket>&) {});
  });
  RawClient client(server.port());
  client.send(get("/later") + upgrade_request("/ws"));
  REQUIRE(wait_until([&] {
    bool there = false;
    server.call([&](http::Server&) { there = waiting != nullptr; });
    return there;
  }));
  server.call([&](http::Server&) { std::exchange(waiting, nullptr)->respond({}); });
  CHECK(client.read_response()->status == 200);
  const auto refused = client.read_response();
  REQUIRE(refused);
  CHECK(refused->status == 400);
  CHECK_THAT(refused->body, Contains("waits for the answers"));
}

TEST_CASE("web socket: a handler that throws or drops the socket ends the connection", "[http]") {
  http::Options options;
  std::atomic<int> refused = 0;
  options.on_refused = [&](const http::Refused& why) { refused += why.status == 500 ? 1 : 0; };
  HttpServer server(std::move(options), [](http::Server& http) {
    http.route_web_socket("/drops", [](const http::Request&, const std::shared_ptr<http::WebSocket>&) {});
    http.route_web_socket("/throws", [](const http::Request&, const std::shared_ptr<http::WebSocket>&) {
      throw std::runtime_error("no");
    });
  });
  for (const std::string path : {"/drops", "/throws"}) {
    RawClient client(server.port());
    client.send(upgrade_request(path));
    CHECK(client.read_head()->status == 101);
    CHECK(client.read_to_end().empty());
    CHECK(client.ended());
  }
  CHECK(refused == 1);
  CHECK(wait_until([&] { return server.stats().connections == 0; }));
}
