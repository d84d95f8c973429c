// Peers that break the protocol or try to wear the server down: a close code, and nothing else.
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

/// A server with one kind of socket at /ws.
class Target {
 public:
  explicit Target(http::WebSocketRoute route = {}, bool echo = true)
      : server_({}, [this, route = std::move(route), echo](http::Server& http) {
          http.route_web_socket(
              "/ws",
              [this, echo](const http::Request&, const std::shared_ptr<http::WebSocket>& socket) {
                last_ = std::make_shared<Recorder>(socket, echo);
                socket->start(last_);
              },
              route);
        }) {}

  [[nodiscard]] RawClient connect(const std::string& headers = "") {
    server_.call([&](http::Server&) { last_.reset(); });
    RawClient client(server_.port());
    client.send(upgrade_request("/ws", headers));
    const auto answer = client.read_head();
    REQUIRE(answer);
    REQUIRE(answer->status == 101);
    return client;
  }
  /// That was opened last; waits for it.
  [[nodiscard]] std::shared_ptr<Recorder> last() {
    std::shared_ptr<Recorder> recorder;
    REQUIRE(wait_until([&] {
      server_.call([&](http::Server&) { recorder = last_; });
      return recorder != nullptr;
    }));
    return recorder;
  }
  [[nodiscard]] http::Stats stats() { return server_.stats(); }

 private:
  std::shared_ptr<Recorder> last_;
  HttpServer server_;
};

std::string masked(std::string bytes, std::string_view key) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ key[i % 4]);
  return bytes;
}

}  // namespace

TEST_CASE("web socket: what breaks the protocol is answered with its close code, and nothing else", "[http]") {
  struct Case {
    std::string name;
    std::string bytes;
    std::uint16_t code;
    bool deflate = false;
  };
  const std::string bomb = deflated(std::string(50'000'000, 'x'));
  REQUIRE(bomb.size() < 100'000);
  Target target({.limits = {.message_bytes = 100'000, .close_timeout = 500ms}});
  for (const Case& wrong : {
           Case{"an unmasked frame", frame(Opcode::binary, "x", {.masked = false}), 1002},
           Case{"an unmasked close", frame(Opcode::close, close_payload(1000), {.masked = false}), 1002},
           Case{"rsv1 without deflate", frame(Opcode::binary, "x", {.reserved = 4}), 1002},
           Case{"rsv2", frame(Opcode::binary, "x", {.reserved = 2}), 1002},
           Case{"rsv3", frame(Opcode::binary, "x", {.reserved = 1}), 1002},
           Case{"rsv1 of a ping", frame(Opcode::ping, "x", {.reserved = 4}), 1002},
           Case{"rsv1 of a ping, with deflate", frame(Opcode::ping, "x", {.reserved = 4}), 1002, true},
           Case{"rsv1 of a continuation",
                frame(Opcode::binary, "x", {.fin = false}) + frame(Opcode::more, "x", {.reserved = 4}), 1002, true},
           Case{"opcode 3", frame(static_cast<Opcode>(3), "x"), 1002},
           Case{"opcode 11", frame(static_cast<Opcode>(11), "x"), 1002},
           Case{"a fragmented ping", frame(Opcode::ping, "x", {.fin = false}), 1002},
           Case{"a fragmented close", frame(Opcode::close, close_payload(1000), {.fin = false}), 1002},
           Case{"a ping of 126 bytes", frame(Opcode::ping, std::string(126, 'x')), 1002},
           Case{"a close of 126 bytes", frame(Opcode::close, close_payload(1000, std::string(124, 'x'))), 1002},
           Case{"a close of one byte", frame(Opcode::close, "x"), 1002},
           Case{"a close with code 1005", frame(Opcode::close, close_payload(1005)), 1002},
           Case{"a close with code 999", frame(Opcode::close, close_payload(999)), 1002},
           Case{"a reason that is no UTF-8", frame(Opcode::close, close_payload(1000, "\xff\xfe")), 1002},
           Case{"a continuation of nothing", frame(Opcode::more, "x"), 1002},
           Case{"a message in a message", frame(Opcode::binary, "x", {.fin = false}) + frame(Opcode::binary, "y"),
                1002},
           Case{"2^63 bytes", length_header(0x82, 1ULL << 63U), 1009},
           Case{"2^64 - 1 bytes", length_header(0x82, ~0ULL), 1009},
           Case{"2^63 bytes, deflated", length_header(0xc2, 1ULL << 63U) + std::string(100, '\xff'), 1007, true},
           Case{"2^63 bytes, deflated, that begin well",
                length_header(0xc2, 1ULL << 63U) + masked(deflated(std::string(200'000, 'x')), "abcd"), 1009, true},
           Case{"fragments that add up to 2^64",
                frame(Opcode::binary, "x", {.fin = false}) + length_header(0x80, ~0ULL), 1009},
           Case{"a length that is written too long", length_header(0x82, 1), 1002},
           Case{"one byte too many", frame(Opcode::binary, std::string(100'001, 'x')), 1009},
           Case{"one byte too many in fragments",
                frame(Opcode::binary, std::string(60'000, 'x'), {.fin = false}) +
                    frame(Opcode::more, std::string(40'001, 'x'), {.fin = false}),
                1009},
           Case{"a compression bomb", frame(Opcode::binary, bomb, {.reserved = 4}), 1009, true},
           Case{"a compression bomb in fragments",
                frame(Opcode::binary, bomb.substr(0, 10), {.fin = false, .reserved = 4}) +
                    frame(Opcode::more, bomb.substr(10)),
                1009, true},
           Case{"what is no deflate", frame(Opcode::binary, std::string(300, '\xff'), {.reserved = 4}), 1007, true},
           Case{"half of what was deflated",
                frame(Opcode::binary, deflated("hello hello hello").substr(0, 4), {.reserved = 4}), 1007, true},
           Case{"a text", frame(Opcode::text, "text"), 1003},
           Case{"an empty text", frame(Opcode::text, ""), 1003},
           Case{"the beginning of a text", frame(Opcode::text, "te", {.fin = false}), 1003},
           Case{"a text that is no UTF-8", frame(Opcode::text, "\xff"), 1007},
       }) {
    CAPTURE(wrong.name);
    RawClient client = target.connect(wrong.deflate ? kOffersDeflate : "");
    client.send(wrong.bytes);
    const auto frame_out = read_frame(client);
    REQUIRE(frame_out);
    CHECK(frame_out->opcode == Opcode::close);
    CHECK(frame_out->code() == wrong.code);
    client.send(frame(Opcode::close, close_payload(1000)));
    CHECK(client.read_to_end().empty());
    CHECK(client.ended());
    client.close();
    const auto recorder = target.last();
    CHECK(recorder->closed().code == wrong.code);
    CHECK_FALSE(recorder->closed().by_peer);
    CHECK(recorder->count() == 0);
    CHECK(recorder->closes() == 1);
  }
  CHECK(wait_until([&] { return target.stats().connections == 0; }));
}

TEST_CASE("web socket: a message of just the limit is taken, also deflated", "[http]") {
  Target target({.limits = {.message_bytes = 100'000}}, false);
  const std::string most(100'000, 'x');
  RawClient client = target.connect(kOffersDeflate);
  client.send(frame(Opcode::binary, most) + frame(Opcode::binary, deflated(most), {.reserved = 4}));
  const auto recorder = target.last();
  REQUIRE(wait_until([&] { return recorder->count() == 2; }));
  CHECK(recorder->messages() == std::vector<std::string>{most, most});
}

TEST_CASE("web socket: a peer that lingers after its mistake is cut off, and the code is told all the same", "[http]") {
  Target target({.limits = {.close_timeout = 50ms}});
  RawClient client = target.connect();
  client.send(frame(Opcode::binary, "x", {.masked = false}));
  CHECK(target.last()->closed().code == 1002);
  CHECK(read_close_code(client) == 1002);
}

TEST_CASE("web socket: a message that does not end is closed after its time", "[http]") {
  Target target({.limits = {.message_timeout = 100ms, .close_timeout = 100ms}});
  RawClient client = target.connect();
  const auto recorder = target.last();
  std::atomic<bool> over = false;
  client.send(frame(Opcode::binary, "x", {.fin = false}));
  std::thread sending([&] {
    while (!over && client.send(frame(Opcode::more, "x", {.fin = false}))) {
    }
  });
  const auto how = recorder->closed();
  over = true;
  sending.join();
  CHECK(how.code == 1008);
  CHECK_THAT(how.reason, Contains("too long"));
  CHECK(recorder->count() == 0);
}

TEST_CASE("web socket: a flood of fragments with nothing in them is closed", "[http]") {
  Target target({.limits = {.close_timeout = 100ms}});
  RawClient client = target.connect();
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += frame(Opcode::more, "", {.fin = false});
  std::atomic<bool> over = false;
  client.send(frame(Opcode::binary, "", {.fin = false}));
  std::thread sending([&] {
    while (!over && client.send(flood)) {
    }
  });
  const auto how = target.last()->closed();
  over = true;
  sending.join();
  CHECK(how.code == 1008);
  CHECK_THAT(how.reason, Contains("empty fragments"));
}

TEST_CASE("web socket: a message that stops in the middle is closed after its time", "[http]") {
  Target target({.limits = {.message_timeout = 100ms}});
  for (const std::string& half :
       {frame(Opcode::binary, std::string(1000, 'x')).substr(0, 500), frame(Opcode::binary, "x", {.fin = false})}) {
    RawClient client = target.connect();
    client.send(half);
    CHECK(read_close_code(client) == 1008);
  }
}

TEST_CASE("web socket: a flood of pings or pongs is closed, and answered no more", "[http]") {
  Target target({.limits = {.controls = 10}});
  for (const Opcode opcode : {Opcode::ping, Opcode::pong}) {
    RawClient client = target.connect();
    std::string flood;
    for (int i = 0; i < 10; ++i) flood += frame(opcode, "hi");
    client.send(flood + frame(Opcode::binary, "echo"));
    int pongs = 0;
    auto next = read_frame(client);
    for (; next && next->opcode == Opcode::pong; next = read_frame(client)) ++pongs;
    REQUIRE(next);
    CHECK(next->payload == "echo");  // so many are fine
    CHECK(pongs == (opcode == Opcode::ping ? 10 : 0));
    flood.clear();
    for (int i = 0; i < 20'000; ++i) flood += frame(opcode, "hi");
    std::thread sending([&] { client.send(flood); });
    CHECK(read_close_code(client) == 1008);
    sending.join();
    client.send(frame(Opcode::close, close_payload(1008)));
    client.close();
    CHECK(target.last()->closed().code == 1008);
    CHECK_THAT(target.last()->closed().reason, Contains("too many pings"));
  }
}

TEST_CASE("web socket: a goodbye that comes with pings before and behind it is one goodbye", "[http]") {
  Target target({.limits = {.close_timeout = 100ms}});
  for (int i = 0; i < 50; ++i) {
    RawClient client = target.connect();
    const auto recorder = target.last();
    std::string bytes;
    for (int ping = 0; ping < i; ++ping) bytes += frame(Opcode::ping, "hi");
    client.send(bytes + frame(Opcode::close, close_payload(1000)) + bytes + frame(Opcode::close, "") +
                frame(Opcode::binary, "x", {.masked = false}));
    client.end_sending();
    // both at once: the order is the scheduler's
    static_cast<void>(recorder->socket());
    CHECK(read_close_code(client) == 1000);
    CHECK(recorder->closed().code == 1000);
    CHECK(recorder->closes() == 1);
  }
}

TEST_CASE("web socket: goodbyes that cross end the socket once", "[http]") {
  Target target({.limits = {.close_timeout = 200ms}}, false);
  for (int i = 0; i < 100; ++i) {
    RawClient client = target.connect();
    const auto recorder = target.last();
    recorder->also = [recorder = recorder.get()](std::string_view) {
      static_cast<void>(recorder->socket()->send("answer"));
      recorder->socket()->close(4001, "ours");
    };
    // The message makes the server say goodbye while ours is behind it, with all that may come between.
    std::string bytes = frame(Opcode::binary, "x");
    if (i % 2 == 0) bytes += frame(Opcode::ping, "hi");
    if (i % 3 == 0) bytes += frame(Opcode::text, "no");
    if (i % 5 == 0) bytes += frame(Opcode::binary, "y", {.masked = false});
    bytes += frame(Opcode::close, close_payload(4002));
    client.send(bytes);
    static_cast<void>(client.read_to_end());
    client.close();
    const auto how = recorder->closed();
    CHECK((how.code == 4001 || how.code == 4002 || how.code == 1002));
    CHECK(recorder->closes() == 1);
    CHECK(recorder->count() == 1);
  }
  CHECK(wait_until([&] { return target.stats().connections == 0; }));
}
