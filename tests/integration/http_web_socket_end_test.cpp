// A server's WebSockets: how they end, and who is told. The clients are raw frames.
#include <catch2/catch.hpp>

#include "support/web_socket_echo.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("web socket: close sends what is queued first, and tells its user once, with its own code", "[http]") {
  Echo echo({}, {}, false);
  RawClient client = echo.connect("", 4096);
  const auto recorder = echo.recorder();
  const std::string reason(200, 'r');
  echo.on_socket(recorder, [&](http::WebSocket& socket) {
    for (int i = 0; i < 20; ++i) CHECK(socket.send(bytes_of(100'000)));
    socket.close(4321, reason);
    CHECK_FALSE(socket.send("late"));
    socket.close(1000, "twice");
  });
  for (int i = 0; i < 20; ++i) REQUIRE(read_frame(client)->payload == bytes_of(100'000));
  const auto goodbye = read_frame(client);
  REQUIRE(goodbye);
  CHECK(goodbye->code() == 4321);
  CHECK(goodbye->payload.substr(2) == reason.substr(0, 123));
  CHECK(recorder->closes() == 0);
  client.send(frame(Opcode::close, close_payload(4321)));
  client.close();
  const auto how = recorder->closed();
  CHECK(how.code == 4321);
  CHECK(how.reason == reason.substr(0, 123));
  CHECK_FALSE(how.by_peer);
}

TEST_CASE("web socket: a reason is cut at a character, and one that is no UTF-8 is left out", "[http]") {
  Echo echo({}, {}, false);
  std::size_t n = 0;
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\u00e4";
  for (const auto& [reason, arrives] :
       {std::pair<std::string, std::string>{"x" + umlauts, "x" + umlauts.substr(0, 122)},
        {umlauts, umlauts.substr(0, 122)},
        {"\xff", ""}}) {
    RawClient client = echo.connect();
    echo.on_socket(echo.recorder(n++), [&](http::WebSocket& socket) { socket.close(1000, reason); });
    const auto goodbye = read_frame(client);
    REQUIRE(goodbye);
    CHECK(goodbye->payload.substr(2) == arrives);
  }
}

TEST_CASE("web socket: the peer's goodbye is answered, and its code and words are told", "[http]") {
  Echo echo;
  struct Case {
    std::string payload;
    std::uint16_t code, answered;
    std::string reason;
  };
  std::size_t n = 0;
  for (const Case& each : {Case{close_payload(1000, "bye"), 1000, 1000, "bye"},
                           Case{close_payload(4999, ""), 4999, 4999, ""}, Case{"", 1005, 1000, ""}}) {
    RawClient client = echo.connect();
    client.send(frame(Opcode::close, each.payload));
    const auto answer = read_frame(client);
    REQUIRE(answer);
    CHECK(answer->opcode == Opcode::close);
    CHECK(answer->code() == each.answered);
    CHECK(client.read_to_end().empty());
    client.close();
    const auto how = echo.recorder(n++)->closed();
    CHECK(how.code == each.code);
    CHECK(how.reason == each.reason);
    CHECK(how.by_peer);
  }
}

TEST_CASE("web socket: a peer that never answers a goodbye is cut off after the time for it", "[http]") {
  Echo echo({.limits = {.close_timeout = 50ms}});
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  echo.on_socket(recorder, [](http::WebSocket& socket) { socket.close(1000, "done"); });
  const auto how = recorder->closed();
  CHECK(how.code == 1000);
  CHECK_FALSE(how.by_peer);
  CHECK(read_frame(client)->code() == 1000);
  CHECK(client.read_to_end().empty());
}

TEST_CASE("web socket: a peer that falls silent is pinged, then cut off; one that answers stays", "[http]") {
  Echo echo({.limits = {.ping_interval = 20ms, .idle_timeout = 1s}});
  RawClient silent = echo.connect();
  RawClient alive = echo.connect();
  const auto ping = read_frame(silent);
  REQUIRE(ping);
  CHECK(ping->opcode == Opcode::ping);
  std::atomic<bool> over = false;
  std::thread answering([&] {
    while (!over) {
      const auto frame_in = read_frame(alive);
      if (!frame_in) return;
      if (frame_in->opcode == Opcode::ping) alive.send(frame(Opcode::pong, frame_in->payload));
    }
  });
  const auto how = echo.recorder(0)->closed();
  CHECK(how.code == 1006);
  CHECK_THAT(how.reason, Contains("not heard of"));
  CHECK_FALSE(how.by_peer);
  CHECK(echo.recorder(1)->closes() == 0);
  over = true;
  answering.join();
}

TEST_CASE("web socket: the time of a pause is not the peer's silence", "[http]") {
  Echo echo({.limits = {.ping_interval = 20ms, .idle_timeout = 500ms, .message_timeout = 500ms}});
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  client.send(frame(Opcode::binary, "a message ", {.fin = false}) + frame(Opcode::ping, ""));
  REQUIRE(read_frame(client)->opcode == Opcode::pong);  // the fragment was read
  echo.on_socket(recorder, [](http::WebSocket& socket) { socket.pause(); });
  client.send(frame(Opcode::more, "in parts"));
  const auto since = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - since < 1200ms) REQUIRE(read_frame(client)->opcode == Opcode::ping);
  CHECK(recorder->count() == 0);
  echo.on_socket(recorder, [](http::WebSocket& socket) { socket.resume(); });
  REQUIRE(wait_until([&] { return recorder->count() == 1; }));
  CHECK(recorder->messages()[0] == "a message in parts");
  CHECK(recorder->closes() == 0);
}

TEST_CASE("web socket: a peer that takes nothing is cut off after the idle time, though it sends", "[http]") {
  Echo echo({.limits = {.ping_interval = 10s, .idle_timeout = 500ms}}, {}, false);
  RawClient client = echo.connect("", 4096);
  const auto recorder = echo.recorder();
  echo.on_socket(recorder, [](http::WebSocket& socket) { CHECK(socket.send(std::string(8'000'000, 'x'))); });
  while (recorder->closes() == 0 && client.send(frame(Opcode::binary, "still here"))) {
  }
  const auto how = recorder->closed();
  CHECK(how.code == 1006);
  CHECK_THAT(how.reason, Contains("takes nothing"));
}

TEST_CASE("web socket: a connection that breaks in mid-frame, or ends, is 1006", "[http]") {
  Echo echo;
  for (const bool reset : {true, false}) {
    RawClient client = echo.connect();
    client.send(frame(Opcode::binary, "whole") + frame(Opcode::binary, std::string(1000, 'x')).substr(0, 500));
    const auto recorder = echo.recorder(reset ? 0 : 1);
    REQUIRE(wait_until([&] { return recorder->count() == 1; }));
    if (reset) {
      client.reset();
    } else {
      client.close();
    }
    const auto how = recorder->closed();
    CHECK(how.code == 1006);
    CHECK_FALSE(how.by_peer);
    CHECK(recorder->closes() == 1);
  }
  CHECK(wait_until([&] { return echo.server().stats().connections == 0; }));
}

TEST_CASE("web socket: a drain says 1001, after what was queued, and waits for the peer's goodbye", "[http]") {
  Echo echo({}, {}, false);
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  std::atomic<bool> drained = false;
  echo.server().call([&](http::Server& server) {
    CHECK(recorder->socket()->send("last words"));
    server.drain(30s, [&] { drained = true; });
  });
  CHECK(read_frame(client)->payload == "last words");
  CHECK(read_frame(client)->code() == 1001);
  CHECK_FALSE(drained);
  client.send(frame(Opcode::close, close_payload(1001)));
  client.close();
  CHECK(wait_until([&] { return drained.load(); }));
  CHECK(recorder->closed().code == 1001);
  CHECK(echo.server().stats().web_sockets == 0);
}

TEST_CASE("web socket: a drain's deadline cuts off who does not say goodbye", "[http]") {
  Echo echo;
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  std::atomic<bool> drained = false;
  echo.server().call([&](http::Server& server) { server.drain(50ms, [&] { drained = true; }); });
  CHECK(wait_until([&] { return drained.load(); }));
  CHECK(recorder->closed().code == 1006);
}

TEST_CASE("web socket: a server that ends tells the users of its sockets", "[http]") {
  Echo echo;
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  echo.server().stop();
  CHECK(recorder->closed().code == 1006);
  CHECK_THAT(recorder->closed().reason, Contains("ended"));
}

TEST_CASE("web socket: a token that is taken away closes its socket, and no other", "[http]") {
  http::Options options;
  const std::string other = "fedcba9876543210fedcba9876543210";
  options.tokens = http::TokenTable::parse("alice " + kToken + "\nbob " + other + "\n", "tokens").value();
  Echo echo({}, std::move(options));
  RawClient alice = echo.connect("Authorization: Bearer " + kToken + "\r\n");
  RawClient bob = echo.connect("Authorization: Bearer " + other + "\r\n");
  CHECK(echo.principal(0) == "alice");
  CHECK(echo.principal(1) == "bob");
  echo.server().call([&](http::Server& server) {
    server.set_tokens(http::TokenTable::parse("bob " + other + "\n", "tokens").value());
  });
  CHECK(read_close_code(alice) == 1008);
  bob.send(frame(Opcode::binary, "still here"));
  CHECK(read_frame(bob)->payload == "still here");
}

TEST_CASE("web socket: a token that may only read from now on closes its socket where the peer writes", "[http]") {
  const std::string read_only = "alice " + kToken + " read-only\n";
  for (const bool writes : {true, false}) {
    http::Options options;
    options.tokens = http::TokenTable::parse("alice " + kToken + "\n", "tokens").value();
    Echo echo({.writes = writes}, std::move(options));
    RawClient alice = echo.connect("Authorization: Bearer " + kToken + "\r\n");
    static_cast<void>(echo.recorder());
    echo.server().call(
        [&](http::Server& server) { server.set_tokens(http::TokenTable::parse(read_only, "tokens").value()); });
    if (writes) {
      CHECK(read_close_code(alice) == 1008);
      continue;
    }
    alice.send(frame(Opcode::binary, "still here"));
    CHECK(read_frame(alice)->payload == "still here");
  }
}

TEST_CASE("web socket: one that waits for its peer's goodbye makes room for others", "[http]") {
  http::Options options;
  options.limits.connections = 3;
  http::WebSocketRoute route;
  route.limits.close_timeout = 10min;
  Echo echo(route, std::move(options));
  std::vector<RawClient> silent;
  for (std::size_t n = 0; n < 2; ++n) {
    silent.push_back(echo.connect());
    echo.on_socket(echo.recorder(n), [](http::WebSocket& socket) { socket.close(4321, "no"); });
  }
  RawClient waiting(echo.port());
  REQUIRE(wait_until([&] { return echo.server().stats().connections == 3; }));
  CHECK(ask(echo.port(), get("/hello"))->status == 200);
  CHECK(echo.recorder(0)->closed().code == 4321);
  CHECK(echo.recorder(1)->closes() == 0);
  CHECK(read_close_code(silent[0]) == 4321);
  waiting.send(get("/hello"));
  CHECK(waiting.read_response()->status == 200);
}

TEST_CASE("web socket: sockets count as connections, and do not make room for others", "[http]") {
  http::Options options;
  options.limits.connections = 2;
  Echo echo({}, std::move(options));
  RawClient first = echo.connect();
  RawClient second = echo.connect();
  CHECK(ask(echo.port(), get("/hello"))->status == 503);
  first.close();
  CHECK(wait_until([&] { return echo.server().stats().connections == 1; }));
  CHECK(ask(echo.port(), get("/hello"))->status == 200);
  second.send(frame(Opcode::binary, "still here"));
  CHECK(read_frame(second)->payload == "still here");
}
