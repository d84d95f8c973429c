// Seeded mutations of raw requests: no crash, no hang, a status that makes sense, and the server goes on.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <set>

#include "support/http_server.hpp"
#include "support/mutator.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

constexpr int kMutants = 6000;

const std::vector<std::string> kCorpus{
    get("/hello"),
    get("/facts?a=b", "X-Test: 1\r\nOrigin: http://localhost\r\n"),
    post("/echo", "hello"),
    "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=\"b\"\r\n "
    "world\r\n0\r\nT: x\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "HEAD /hello HTTP/1.1\r\nHost: [::1]:80\r\nConnection: keep-alive, x\r\n\r\n",
    "OPTIONS /hello HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    "GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
    "GET /crdt-sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"};
const std::vector<std::string> kWords{"\r\n",
                                      "\r\n\r\n",
                                      "\n",
                                      "\r",
                                      "\r\n ",
                                      "\0",
                                      "Host: evil",
                                      "Content-Length: 5",
                                      "Content-Length: -1",
                                      "Content-Length: 18446744073709551616",
                                      "Transfer-Encoding: chunked",
                                      "Transfer-Encoding: gzip",
                                      "0\r\n\r\n",
                                      "ffffffffffffffff\r\n",
                                      "7fffffff\r\n",
                                      "Expect: 100-continue",
                                      "Connection: close",
                                      "HTTP/1.1",
                                      "HTTP/9.9",
                                      " ",
                                      "\t",
                                      ":",
                                      "GET / HTTP/1.1\r\n",
                                      "%00",
                                      "\xff\xfe",
                                      "Authorization: Bearer x",
                                      "Origin: null",
                                      ";a=b",
                                      "\x16\x03\x01\x02"};

}  // namespace

TEST_CASE("http: mutated requests are answered sensibly or cut off, and the server goes on", "[http]") {
  const unsigned seed = fuzz_seed(20260731U);
  CAPTURE(seed);
  Mutator mutator(seed, kCorpus, kWords);
  http::Options options;
  // A request without an end is given up soon: that is not what this test is about.
  options.limits.header_timeout = options.limits.body_timeout = options.limits.linger_timeout = 40ms;
  HttpServer server(std::move(options), [](http::Server& http) {
    http.route("/events", [](const std::shared_ptr<http::Exchange>& exchange) {
      const auto stream = exchange->stream({});
      static_cast<void>(stream->send("data: 1\n\n"));
      stream->finish();
    });
  });
  const std::set<int> allowed{100, 200, 400, 403, 404, 408, 413, 417, 431, 505};
  std::set<int> seen;
  for (int i = 0; i < kMutants; ++i) {
    const std::string bytes = mutator.next();
    RawClient client(server.port());
    if (mutator.pick(8) == 0 && bytes.size() > 1) {
      const std::size_t half = mutator.pick(bytes.size());
      client.send(bytes.substr(0, half));
      client.send(bytes.substr(half));
    } else {
      client.send(bytes);
    }
    client.end_sending();
    const std::string answers = client.read_to_end(20s);
    if (!client.ended()) FAIL("no end after mutant " << i << ":\n" << bytes);
    for (std::size_t at = answers.find("HTTP/1.1 "); at != std::string::npos; at = answers.find("HTTP/1.1 ", at + 1)) {
      // An echoed body may hold such a line of the mutant's.
      if (at != 0 && (at < 2 || answers.compare(at - 2, 2, "\r\n") != 0)) continue;
      const int status = std::atoi(answers.c_str() + at + 9);
      seen.insert(status);
      if (at == 0 && !allowed.contains(status)) FAIL("status " << status << " for mutant " << i << ":\n" << bytes);
    }
    if (i % 500 == 0 && ask(server.port(), get("/hello"))->status != 200) FAIL("after mutant " << i);
  }
  CHECK(ask(server.port(), get("/hello"))->status == 200);
  for (const int status : {200, 400, 403, 404, 431}) CHECK(seen.count(status) == 1);
  CHECK(wait_until([&] { return server.stats().connections == 0; }));
}
