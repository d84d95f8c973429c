// A server's WebSockets: who gets in, what goes over them, how they end. The clients are raw frames.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"
#include "support/web_socket_peer.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";

/// A server with an echo at /ws, and what it knows of its sockets.
class Echo {
 public:
  explicit Echo(http::WebSocketRoute route = {}, http::Options options = {}, bool echo = true)
      : server_(std::move(options), [this, route = std::move(route), echo](http::Server& http) {
          http.route_web_socket(
              "/ws",
              [this, echo](const http::Request& request, const std::shared_ptr<http::WebSocket>& socket) {
                auto recorder = std::make_shared<Recorder>(socket, echo);
                socket->start(recorder);
                const std::lock_guard lock(mutex_);
                recorders_.push_back(std::move(recorder));
                principals_.push_back(request.principal.name);
              },
              route);
        }) {}

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] HttpServer& server() { return server_; }
  [[nodiscard]] std::size_t opened() const {
    const std::lock_guard lock(mutex_);
    return recorders_.size();
  }
  /// The nth that was opened; waits for it.
  [[nodiscard]] std::shared_ptr<Recorder> recorder(std::size_t n = 0) {
    REQUIRE(wait_until([&] { return opened() > n; }));
    const std::lock_guard lock(mutex_);
    return recorders_[n];
  }
  [[nodiscard]] std::string principal(std::size_t n = 0) {
    static_cast<void>(recorder(n));
    const std::lock_guard lock(mutex_);
    return principals_[n];
  }
  /// A connection with its upgrade behind it.
  [[nodiscard]] RawClient connect(const std::string& headers = "", int receive_buffer = 0) {
    RawClient client(port(), receive_buffer);
    client.send(upgrade_request("/ws", headers));
    const auto answer = client.read_head();
    REQUIRE(answer);
    REQUIRE(answer->status == 101);
    return client;
  }
  void on_socket(const std::shared_ptr<Recorder>& recorder, const std::function<void(http::WebSocket&)>& body) {
    server_.call([&](http::Server&) {
      REQUIRE(recorder->socket());
      body(*recorder->socket());
    });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Recorder>> recorders_;
  std::vector<std::string> principals_;
  HttpServer server_;
};

http::Options with_token() {
  http::Options options;
  options.tokens = http::TokenTable::parse("alice " + kToken + "\n", "tokens").value();
  options.allowed_hosts = {"musher.example"};
  return options;
}

std::string bytes_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 256);
  return out;
}

}  // namespace

// --- the upgrade

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

// --- messages

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

// --- the end

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
