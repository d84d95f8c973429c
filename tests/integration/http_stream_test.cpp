// Event streams: order, slow readers, limits, the end.
#include <catch2/catch.hpp>

#include <chrono>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Exchange = std::shared_ptr<http::Exchange>;

namespace {

/// A server whose /events are streams that the test sends to.
class Streams {
 public:
  explicit Streams(const http::Limits& limits = {})
      : server_(with(limits), [this](http::Server& http) {
          http.route("/events", [this](const Exchange& exchange) {
            exchange->on_gone([this] { ++gone_; });
            streams_.push_back(exchange->stream({{"X-Stream", "yes"}}));
            ++begun_;
          });
        }) {}
  ~Streams() {
    server_.call([this](http::Server&) { streams_.clear(); });
  }

  HttpServer& server() { return server_; }
  [[nodiscard]] int gone() const { return gone_; }

  RawClient open(int receive_buffer = 0) {
    const int before = begun_;
    RawClient client(server_.port(), receive_buffer);
    REQUIRE(client.send(get("/events")));
    REQUIRE(wait_until([&] { return begun_ == before + 1; }));
    return client;
  }
  bool send(std::size_t stream, const std::string& event) {
    bool sent = false;
    server_.call([&](http::Server&) { sent = streams_.at(stream)->send(event); });
    return sent;
  }
  void finish(std::size_t stream) {
    server_.call([&](http::Server&) { streams_.at(stream)->finish(); });
  }

 private:
  static http::Options with(const http::Limits& limits) {
    http::Options options;
    options.limits = limits;
    return options;
  }
  std::vector<std::shared_ptr<http::EventStream>> streams_;
  std::atomic<int> begun_ = 0;
  std::atomic<int> gone_ = 0;
  HttpServer server_;
};

}  // namespace

TEST_CASE("stream: events arrive in order, it ends whole, and the connection serves on", "[http]") {
  Streams streams;
  RawClient client = streams.open();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    CHECK(streams.send(0, event));
    expected += event;
  }
  CHECK(streams.send(0, ""));
  streams.finish(0);
  CHECK_FALSE(streams.send(0, "data: late\n\n"));
  const auto answer = client.read_response();
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->header("Content-Type") == "text/event-stream");
  CHECK(answer->header("Cache-Control") == "no-cache");
  CHECK(answer->header("X-Accel-Buffering") == "no");
  CHECK(answer->header("X-Stream") == "yes");
  CHECK(answer->header("Content-Length") == std::nullopt);
  CHECK(answer->body == expected);
  REQUIRE(client.send(get("/hello")));
  CHECK(client.read_response()->status == 200);
  CHECK(streams.server().stats().streams == 0);
  CHECK(streams.gone() == 0);
}

TEST_CASE("stream: an event is there before the stream ends, and requests behind it wait", "[http]") {
  Streams streams;
  RawClient client = streams.open();
  CHECK(streams.send(0, "data: now\n\n"));
  CHECK(client.read_until("data: now\n\n\r\n").ends_with("b\r\ndata: now\n\n\r\n"));
  REQUIRE(client.send(get("/hello")));
  CHECK(streams.send(0, "data: more\n\n"));
  CHECK(client.read_until("data: more\n\n\r\n") == "c\r\ndata: more\n\n\r\n");
  streams.finish(0);
  CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
  CHECK(client.read_response()->body == R"({"hello":"world"})");
}

TEST_CASE("stream: HTTP/1.0 has it without chunks, to the end of the connection", "[http]") {
  Streams streams;
  RawClient client(streams.server().port());
  REQUIRE(client.send("GET /events HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"));
  REQUIRE(wait_until([&] { return streams.server().stats().streams == 1; }));
  CHECK(streams.send(0, "data: 1\n\n"));
  streams.finish(0);
  const auto answer = client.read_response();
  REQUIRE(answer);
  CHECK(answer->header("Connection") == "close");
  CHECK(answer->header("Transfer-Encoding") == std::nullopt);
  CHECK(answer->body == "data: 1\n\n");
}

TEST_CASE("stream: one on which nothing is sent is kept alive by comments", "[http]") {
  http::Limits limits;
  limits.stream_keep_alive = 20ms;
  Streams streams(limits);
  RawClient client = streams.open();
  REQUIRE(client.read_head());
  for (int i = 0; i < 3; ++i) CHECK(client.read_until("3\r\n:\n\n\r\n") == "3\r\n:\n\n\r\n");
}

TEST_CASE("stream: a client that goes is noticed without anything being sent", "[http]") {
  Streams streams;
  { const RawClient client = streams.open(); }
  CHECK(wait_until([&] { return streams.gone() == 1; }));
  CHECK_FALSE(streams.send(0, "data: late\n\n"));
  CHECK(streams.server().stats().streams == 0);
}

TEST_CASE("stream: a slow reader is dropped, and the others do not notice", "[http]") {
  http::Limits limits;
  limits.stream_queue_bytes = 64U << 10U;
  Streams streams(limits);
  RawClient slow = streams.open(4096);
  RawClient good = streams.open();
  REQUIRE(good.read_head());
  const std::string event = "data: " + std::string(32U << 10U, 'x') + "\n\n";
  bool slow_is_there = true;
  int sent = 0;
  while (slow_is_there && sent < 10'000) {
    slow_is_there = streams.send(0, event);
    REQUIRE(streams.send(1, event));
    ++sent;
    REQUIRE(good.read_until(event + "\r\n").ends_with(event + "\r\n"));
  }
  CHECK_FALSE(slow_is_there);
  CHECK(wait_until([&] { return streams.gone() == 1; }));
  CHECK_FALSE(streams.send(0, "data: 1\n\n"));
  CHECK(streams.send(1, "data: 1\n\n"));
  CHECK(good.read_until("data: 1\n\n").ends_with("data: 1\n\n"));
  CHECK(streams.server().stats().dropped == 1);
  CHECK(streams.server().stats().streams == 1);
}

TEST_CASE("stream: a reader that takes nothing for the write time-out is dropped without more being sent", "[http]") {
  http::Limits limits;
  limits.write_timeout = 200ms;
  limits.stream_queue_bytes = 64U << 20U;
  Streams streams(limits);
  const RawClient slow = streams.open(4096);
  CHECK(streams.send(0, "data: " + std::string(32U << 20U, 'x') + "\n\n"));
  CHECK(wait_until([&] { return streams.gone() == 1; }));
  CHECK(streams.server().stats().dropped == 1);
}

TEST_CASE("stream: over the limit of streams the client gets a 503 and the stream is gone from the start", "[http]") {
  http::Limits limits;
  limits.streams = 1;
  Streams streams(limits);
  const RawClient first = streams.open();
  RawClient second = streams.open();
  const auto answer = second.read_response();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->header("Retry-After") == "1");
  CHECK(wait_until([&] { return streams.gone() == 1; }));
  CHECK_FALSE(streams.send(1, "data: 1\n\n"));
  CHECK(streams.send(0, "data: 1\n\n"));
}

TEST_CASE("stream: draining lets it end, and its last events arrive", "[http]") {
  Streams streams;
  RawClient client = streams.open();
  std::atomic<bool> drained = false;
  streams.server().call([&](http::Server& http) { http.drain(std::chrono::minutes(1), [&] { drained = true; }); });
  CHECK(streams.send(0, "data: bye\n\n"));
  streams.finish(0);
  const auto answer = client.read_response();
  REQUIRE(answer);
  CHECK(answer->body == "data: bye\n\n");
  client.close();
  CHECK(wait_until([&] { return drained.load(); }));
}
