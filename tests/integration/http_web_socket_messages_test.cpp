// A server's WebSockets: what goes over them, at which pace. The clients are raw frames.
#include <catch2/catch.hpp>

#include "support/web_socket_echo.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

TEST_CASE("web socket: messages of every length come back whole and in order", "[http]") {
  Echo echo;
  RawClient client = echo.connect();
  std::vector<std::string> sent;
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 4096U, 65'535U, 65'536U, 1'000'000U, 4'194'304U, 3U}) {
    sent.push_back(bytes_of(size));
    std::thread sending([&] { client.send(frame(Opcode::binary, sent.back())); });
    const auto echoed = read_frame(client);
    sending.join();
    REQUIRE(echoed);
    CHECK(echoed->opcode == Opcode::binary);
    CHECK(echoed->fin);
    CHECK(echoed->payload == sent.back());
  }
  CHECK(echo.recorder()->messages() == sent);
}

TEST_CASE("web socket: a message in fragments with pings between them is one message", "[http]") {
  Echo echo;
  RawClient client = echo.connect();
  client.send(frame(Opcode::binary, "one ", {.fin = false}) + frame(Opcode::ping, "hi") +
              frame(Opcode::more, "", {.fin = false}) + frame(Opcode::more, "two ", {.fin = false}) +
              frame(Opcode::pong, "") + frame(Opcode::more, "three"));
  const auto pong = read_frame(client);
  REQUIRE(pong);
  CHECK(pong->opcode == Opcode::pong);
  CHECK(pong->payload == "hi");
  CHECK(read_frame(client)->payload == "one two three");
}

TEST_CASE("web socket: while paused nothing is delivered and the peer comes to wait; then all of it is", "[http]") {
  Echo echo({}, {}, false);
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  recorder->keep = false;
  client.send(frame(Opcode::binary, "first"));
  REQUIRE(wait_until([&] { return recorder->count() == 1; }));
  echo.on_socket(recorder, [](http::WebSocket& socket) { socket.pause(); });
  constexpr std::size_t kMessages = 100;
  std::atomic<std::size_t> sent = 0;
  std::thread sending([&] {
    for (std::size_t i = 0; i < kMessages; ++i) {
      client.send(frame(Opcode::binary, std::string(200'000, 'x')));
      ++sent;
    }
  });
  // 20 MB do not fit into what the kernel holds: the sender stands still.
  std::size_t before = kMessages;
  REQUIRE(wait_until([&] {
    echo.on_socket(recorder, [](http::WebSocket&) {});
    return sent > 0 && std::exchange(before, sent.load()) == sent;
  }));
  CHECK(recorder->count() == 1);
  CHECK(sent < kMessages);
  echo.on_socket(recorder, [](http::WebSocket& socket) {
    socket.resume();
    socket.pause();
    socket.resume();
    socket.resume();
  });
  sending.join();
  CHECK(wait_until([&] { return recorder->count() == kMessages + 1; }));
}

TEST_CASE("web socket: a user that pauses with each message gets one at a time", "[http]") {
  Echo echo({}, {}, false);
  RawClient client = echo.connect();
  const auto recorder = echo.recorder();
  echo.on_socket(recorder, [&](http::WebSocket&) {
    recorder->also = [recorder = recorder.get()](std::string_view) { recorder->socket()->pause(); };
  });
  client.send(frame(Opcode::binary, "1") + frame(Opcode::binary, "2") + frame(Opcode::binary, "3"));
  for (std::size_t i = 1; i <= 3; ++i) {
    REQUIRE(wait_until([&] { return recorder->count() == i; }));
    echo.on_socket(recorder, [](http::WebSocket& socket) { socket.resume(); });
  }
  CHECK(recorder->messages() == std::vector<std::string>{"1", "2", "3"});
  echo.server().call([&](http::Server&) { recorder->also = nullptr; });
}

TEST_CASE("web socket: a peer that does not read fills the queue: send says no, and the socket closes", "[http]") {
  Echo echo({.limits = {.queue_bytes = 1'000'000, .close_timeout = 100ms}}, {}, false);
  RawClient client = echo.connect("", 4096);
  const auto recorder = echo.recorder();
  std::size_t sent = 0;
  // What the kernel takes comes before what is queued.
  while (recorder->closes() == 0 && sent < 100'000) {
    bool queued = false;
    echo.server().call([&](http::Server&) {
      if (!recorder->socket()) return;
      queued = recorder->socket()->send(std::string(100'000, 'x'));
      CHECK(recorder->socket()->queued_bytes() <= 1'000'000);
    });
    if (!queued) break;
    ++sent;
  }
  CHECK(sent >= 10);
  const auto how = recorder->closed();
  CHECK(how.code == 1013);
  CHECK(how.reason == "too slow");
  CHECK_FALSE(how.by_peer);
  CHECK(recorder->closes() == 1);
  CHECK(wait_until([&] { return echo.server().stats().web_sockets == 0; }));
}

TEST_CASE("web socket: on_drained comes when a queue that was long is short again", "[http]") {
  Echo echo({.limits = {.low_water_bytes = 100'000}}, {}, false);
  RawClient client = echo.connect("", 4096);
  const auto recorder = echo.recorder();
  echo.on_socket(recorder, [](http::WebSocket& socket) {
    for (int i = 0; i < 70; ++i) CHECK(socket.send(std::string(100'000, 'x')));
    CHECK(socket.queued_bytes() == 7'000'000);
  });
  CHECK(recorder->drained == 0);
  for (int i = 0; i < 70; ++i) REQUIRE(read_frame(client)->payload.size() == 100'000);
  CHECK(wait_until([&] { return recorder->drained == 1; }));
  echo.on_socket(recorder, [](http::WebSocket& socket) { CHECK(socket.send("short")); });
  REQUIRE(read_frame(client)->payload == "short");
  CHECK(recorder->drained == 1);
}
