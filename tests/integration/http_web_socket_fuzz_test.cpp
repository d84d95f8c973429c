// Seeded mutations of upgrades and of frames, in both directions: no crash, no hang, a right status or close code, and
// every socket is told once that it is closed.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>

#include <set>

#include "http/dial.hpp"
#include "http/guards.hpp"
#include "support/http_server.hpp"
#include "support/mutator.hpp"
#include "support/raw_client.hpp"
#include "support/web_socket_peer.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

constexpr int kUpgrades = 2500;
constexpr int kFrames = 2500;
constexpr int kAnswers = 1000;
constexpr const char* kOffersShortDeflate =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n";

/// "hello" as RFC 7692, section 7.2.3, has it, in one block and in a stored one.
const std::string kDeflated = "\xf2\x48\xcd\xc9\xc9\x07" + std::string(1, '\0');
const std::string kStored = std::string("\0\x05\0\xfa\xff", 5) + "hello" + std::string(1, '\0');

/// What one side sends when all is well.
std::vector<std::string> frame_corpus(bool masked) {
  const FrameOptions whole{.masked = masked};
  const FrameOptions begin{.fin = false, .masked = masked};
  const FrameOptions deflated{.masked = masked, .reserved = 4};
  const FrameOptions begin_deflated{.fin = false, .masked = masked, .reserved = 4};
  return {
      frame(Opcode::binary, "hello", whole),
      frame(Opcode::binary, std::string(300, 'x'), whole) + frame(Opcode::ping, "ping", whole) +
          frame(Opcode::binary, "", whole),
      frame(Opcode::binary, std::string(70'000, 'x'), whole),
      frame(Opcode::binary, "one", begin) + frame(Opcode::ping, "", whole) + frame(Opcode::more, "two", whole),
      frame(Opcode::pong, "pong", whole) + frame(Opcode::binary, "x", whole) +
          frame(Opcode::close, close_payload(1000, "bye"), whole),
      frame(Opcode::close, "", whole),
      frame(Opcode::text, "text", whole),
      frame(Opcode::binary, kDeflated, deflated) + frame(Opcode::binary, kDeflated, deflated),
      frame(Opcode::binary, kStored, deflated),
      frame(Opcode::binary, kDeflated.substr(0, 3), begin_deflated) + frame(Opcode::more, kDeflated.substr(3), whole),
  };
}
const std::vector<std::string> kFrameWords{frame(Opcode::ping, "p"),
                                           frame(Opcode::close, close_payload(1001)),
                                           frame(Opcode::more, "m"),
                                           frame(Opcode::binary, "u", {.masked = false}),
                                           "\x82\xff",
                                           "\x82\xfe\xff\xff",
                                           "\xc2\x85",
                                           std::string("\0\0\xff\xff", 4),
                                           std::string(8, '\xff'),
                                           std::string(8, '\0'),
                                           "\x88\x80",
                                           "\x03\xe8"};

/// The sockets that a server or a client had.
class Sockets {
 public:
  std::shared_ptr<Recorder> add(const std::shared_ptr<http::WebSocket>& socket, bool echo) {
    auto recorder = std::make_shared<Recorder>(socket, echo);
    recorder->keep = false;
    const std::lock_guard lock(mutex_);
    all_.push_back(recorder);
    return recorder;
  }
  [[nodiscard]] std::size_t opened() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  [[nodiscard]] std::shared_ptr<Recorder> last() const {
    const std::lock_guard lock(mutex_);
    return all_.back();
  }
  [[nodiscard]] bool all_closed_once() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(all_, [](const auto& recorder) { return recorder->closes() == 1; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Recorder>> all_;
};

http::WebSocketRoute impatient_route() {
  return {.subprotocols = {},
          .deflate = true,
          .limits = {.message_bytes = 100'000, .message_timeout = 10s, .close_timeout = 100ms}};
}

}  // namespace

TEST_CASE("web socket: mutated upgrades get a right status, and only right ones a socket", "[http]") {
  const unsigned seed = fuzz_seed(20261129U);
  CAPTURE(seed);
  const std::string frames = frame(Opcode::binary, "hello");
  Mutator mutator(seed,
                  {upgrade_request("/ws"), upgrade_request("/ws", kOffersShortDeflate),
                   upgrade_request("/ws", "Sec-WebSocket-Protocol: a, b\r\nOrigin: http://localhost\r\n") + frames,
                   get("/hello") + upgrade_request("/ws") + frames, get("/ws"),
                   upgrade_request("/ws",
                                   "Sec-WebSocket-Extensions: x-webkit-deflate-frame, permessage-deflate; "
                                   "server_no_context_takeover; client_no_context_takeover; "
                                   "server_max_window_bits=8; client_max_window_bits\r\n")},
                  {"\r\n",
                   "\r\n\r\n",
                   ",",
                   ";",
                   "\"",
                   "websocket",
                   "upgrade",
                   "Upgrade: h2c",
                   "Connection: close",
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                   "Sec-WebSocket-Version: 13",
                   "Sec-WebSocket-Version: 8, 13",
                   "permessage-deflate",
                   "server_max_window_bits=99999999999",
                   "client_max_window_bits=",
                   "Sec-WebSocket-Extensions: ",
                   "Host: evil",
                   "Origin: null",
                   "Content-Length: 5",
                   "Transfer-Encoding: chunked",
                   "HTTP/1.0",
                   "\0",
                   "\xff"});
  http::Options options;
  options.limits.header_timeout = options.limits.body_timeout = options.limits.linger_timeout = 40ms;
  Sockets sockets;
  HttpServer server(std::move(options), [&](http::Server& http) {
    http.route_web_socket(
        "/ws",
        [&](const http::Request& request, const std::shared_ptr<http::WebSocket>& socket) {
          CHECK(request.method == "GET");
          CHECK(http::host_is_allowed(request.header("Host").value_or(""), {}));
          CHECK(request.header("Sec-WebSocket-Version") == "13");
          socket->start(sockets.add(socket, true));
        },
        impatient_route());
  });
  const std::set<int> allowed{101, 200, 400, 403, 404, 405, 408, 413, 417, 426, 431, 505};
  std::set<int> seen;
  for (int i = 0; i < kUpgrades; ++i) {
    const std::string bytes = mutator.next();
    RawClient client(server.port());
    const std::size_t half = mutator.pick(bytes.size() + 1);
    client.send(bytes.substr(0, half));
    client.send(bytes.substr(half));
    client.end_sending();
    const std::string answers = client.read_to_end(20s);
    if (!client.ended()) FAIL("no end after mutant " << i << ":\n" << bytes);
    if (answers.empty()) continue;
    const int status = answers.starts_with("HTTP/1.1 ") ? std::atoi(answers.c_str() + 9) : 0;
    seen.insert(status);
    if (!allowed.contains(status)) FAIL("status " << status << " for mutant " << i << ":\n" << bytes);
  }
  for (const int status : {101, 200, 400, 403, 404, 405, 426, 431}) {
    CAPTURE(status);
    CHECK(seen.contains(status));
  }
  CHECK(sockets.opened() > 100);
  CHECK(wait_until([&] { return sockets.all_closed_once(); }));
  CHECK(wait_until([&] { return server.stats().connections == 0; }));
}

TEST_CASE("web socket: mutated frames get a right close code or the end, and the server goes on", "[http]") {
  const unsigned seed = fuzz_seed(20261130U);
  CAPTURE(seed);
  Mutator mutator(seed, frame_corpus(true), kFrameWords);
  Sockets sockets;
  HttpServer server({}, [&](http::Server& http) {
    http.route_web_socket(
        "/ws",
        [&](const http::Request&, const std::shared_ptr<http::WebSocket>& socket) {
          socket->start(sockets.add(socket, true));
        },
        impatient_route());
  });
  const std::set<std::uint16_t> mistakes{1002, 1003, 1007, 1008, 1009};
  std::set<std::uint16_t> seen;
  for (int i = 0; i < kFrames; ++i) {
    RawClient client(server.port());
    client.send(upgrade_request("/ws", mutator.pick(2) == 0 ? kOffersShortDeflate : ""));
    REQUIRE(client.read_head()->status == 101);
    const std::string bytes = mutator.next();
    const std::size_t half = mutator.pick(bytes.size() + 1);
    client.send(bytes.substr(0, half));
    client.send(bytes.substr(half));
    if (mutator.pick(20) == 0) {
      client.reset();
      REQUIRE(wait_until([&] { return sockets.opened() == static_cast<std::size_t>(i) + 1; }));
      continue;
    }
    client.end_sending();
    std::uint16_t code = 0;
    while (const auto answer = read_frame(client, 20s)) {
      if (code != 0) FAIL("a frame behind the goodbye, mutant " << i);
      if (answer->opcode == Opcode::close) code = answer->code();
      if (answer->opcode != Opcode::close && answer->opcode != Opcode::pong && answer->opcode != Opcode::binary) {
        FAIL("opcode " << static_cast<int>(answer->opcode) << ", mutant " << i);
      }
    }
    if (!client.ended()) FAIL("no end after mutant " << i);
    const auto how = sockets.last()->closed();
    const bool is_ours = code == how.code && !how.by_peer && mistakes.contains(code);
    const bool is_theirs = how.by_peer && (code == how.code || (code == 1000 && how.code == 1005));
    const bool is_none = code == 0 && (how.code == 1006 || how.code == 1008);  // at its end there was no time for more
    if (!is_ours && !is_theirs && !is_none) FAIL("code " << code << " and " << how.code << " for mutant " << i);
    seen.insert(code);
  }
  for (const int code : {0, 1000, 1002, 1003, 1007, 1009}) {
    CAPTURE(code);
    CHECK(seen.contains(static_cast<std::uint16_t>(code)));
  }
  CHECK(sockets.opened() == kFrames);
  CHECK(wait_until([&] { return sockets.all_closed_once(); }));
  CHECK(wait_until([&] { return server.stats().connections == 0; }));
}

TEST_CASE("dial: mutated answers and frames of a server end in an error or a closed socket", "[http]") {
  const unsigned seed = fuzz_seed(20261201U);
  CAPTURE(seed);
  std::vector<std::string> corpus;
  const std::string kRequest = "Sec-WebSocket-Key: KEY\r\n";  // its digest is put in below
  const std::string digest = accept_of("KEY");
  for (const std::string& headers :
       {std::string(), std::string("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n")}) {
    for (const std::string& frames : frame_corpus(false)) corpus.push_back(upgrade_answer(kRequest, headers) + frames);
  }
  corpus.push_back("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
  Mutator mutator(seed, corpus, kFrameWords);
  // The script's thread is the mutator's only user.
  const ScriptedServer server([&](RawClient& client, const std::string& request) {
    std::string bytes = mutator.next();
    const std::size_t at = request.find("Sec-WebSocket-Key: ") + 19;
    const std::string right = accept_of(request.substr(at, request.find("\r\n", at) - at));
    if (const std::size_t key = bytes.find(digest); key != std::string::npos) bytes.replace(key, digest.size(), right);
    client.send(bytes);
    client.end_sending();
    static_cast<void>(client.read_to_end(20s));
  });
  Loop loop;
  Sockets sockets;
  const auto url = http::parse_web_socket_url(fmt::format("ws://127.0.0.1:{}/", server.port())).value();
  std::atomic<int> errors = 0;
  std::atomic<int> done = 0;
  for (int i = 0; i < kAnswers; ++i) {
    std::unique_ptr<http::Dial> dial;
    loop.call([&] {
      http::DialOptions options{.deflate = i % 2 == 0, .limits = impatient_route().limits};
      dial = http::dial_web_socket(loop.io(), url, options, [&](Result<std::shared_ptr<http::WebSocket>> outcome) {
        if (outcome) {
          (*outcome)->start(sockets.add(*outcome, true));
        } else {
          ++errors;
        }
        ++done;
      });
    });
    if (!wait_until([&] { return done == i + 1; }, 20s)) FAIL("no end of dial " << i);
    loop.call([&] { dial.reset(); });
  }
  CHECK(errors > 100);
  CHECK(sockets.opened() > 100);
  CHECK(wait_until([&] { return sockets.all_closed_once(); }));
}
