#include <catch2/catch.hpp>

#include "http/request_parser.hpp"

using namespace musher::http;
using State = RequestParser::State;

namespace {

struct Parsed {
  State end = State::need_more;
  BadRequest bad{};
  Request request{};
  std::size_t consumed = 0;
  bool headers_seen = false;
};

/// Feeds the bytes in pieces of this size, as a connection does: what was not consumed comes again, with more.
Parsed parse(const std::string& bytes, std::size_t piece, const Limits& limits = {}) {
  RequestParser parser(limits);
  Parsed parsed;
  parser.begin(parsed.request);
  std::size_t arrived = 0;
  while (true) {
    const auto step = parser.parse(std::string_view(bytes).substr(parsed.consumed, arrived - parsed.consumed));
    parsed.consumed += step.consumed;
    parsed.end = step.state;
    parsed.bad = step.bad;
    if (step.state == State::headers) {
      parsed.headers_seen = true;
      continue;
    }
    if (step.state != State::need_more || arrived == bytes.size()) return parsed;
    arrived = std::min(bytes.size(), arrived + piece);
  }
}

void check_bad(const std::string& bytes, unsigned status) {
  for (const std::size_t piece : {1U, 3U, 7U, 100'000U}) {
    CAPTURE(bytes, piece);
    const Parsed parsed = parse(bytes, piece);
    CHECK(parsed.end == State::bad);
    CHECK(parsed.bad.status == status);
    CHECK_FALSE(parsed.bad.why.empty());
  }
}

std::string with(const std::string& headers, const std::string& body = "") {
  return "POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

}  // namespace

TEST_CASE("parser: a request is the same in whatever pieces it comes", "[http]") {
  const std::string bytes = with("X-Test:  a b \r\nContent-Length: 5\r\n", "hello") + "GET / HT";
  for (std::size_t piece = 1; piece < 40; ++piece) {
    const Parsed parsed = parse(bytes, piece);
    CAPTURE(piece);
    REQUIRE(parsed.end == State::complete);
    CHECK(parsed.headers_seen);
    CHECK(parsed.request.method == "POST");
    CHECK(parsed.request.path == "/mcp");
    CHECK(parsed.request.header("x-test") == "a b");
    CHECK(parsed.request.body == "hello");
    CHECK(parsed.consumed == bytes.size() - 8);
  }
}

TEST_CASE("parser: path and query are split at the first question mark and not decoded", "[http]") {
  const Parsed parsed = parse("GET /a%2Fb?x=?y HTTP/1.1\r\n\r\n", 1000);
  REQUIRE(parsed.end == State::complete);
  CHECK(parsed.request.path == "/a%2Fb");
  CHECK(parsed.request.query == "x=?y");
}

TEST_CASE("parser: chunks are put together, and trailers are not headers", "[http]") {
  const std::string bytes = with("Transfer-Encoding: Chunked\r\n",
                                 "5;a=b\r\nhello\r\nA\r\n 123456789\r\n0\r\nAuthorization: Bearer x\r\n\r\n");
  for (std::size_t piece = 1; piece < 60; ++piece) {
    CAPTURE(piece);
    const Parsed parsed = parse(bytes, piece);
    REQUIRE(parsed.end == State::complete);
    CHECK(parsed.request.body == "hello 123456789");
    CHECK(parsed.request.header("Authorization") == std::nullopt);
    CHECK(parsed.consumed == bytes.size());
  }
}

TEST_CASE("parser: a body's length that could be read in two ways is refused", "[http]") {
  check_bad(with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400);
  check_bad(with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400);
  check_bad(with("Content-Length: 5, 5\r\n", "hello"), 400);
  check_bad(with("Content-Length: +5\r\n", "hello"), 400);
  check_bad(with("Content-Length: 0x5\r\n", "hello"), 400);
  check_bad(with("Content-Length: -1\r\n"), 400);
  check_bad(with("Content-Length:\r\n"), 400);
  check_bad(with("Content-Length: 99999999999999999999999\r\n"), 400);
  check_bad(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding: identity\r\n"), 400);
  check_bad(with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
  check_bad(with("Transfer-Encoding:\x0b chunked\r\n", "0\r\n\r\n"), 400);
  check_bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

TEST_CASE("parser: folded lines, bare line feeds and blanks before a colon are refused", "[http]") {
  check_bad(with("X-Test: a\r\n b\r\n"), 400);
  check_bad(with("X-Test: a\r\n\tb\r\n"), 400);
  check_bad(with("X-Test:\r\n b\r\n"), 400);
  check_bad(with("X-Test: \r\n \r\n b\r\n"), 400);
  check_bad(with("Transfer-Encoding:\r\n chunked\r\n"), 400);
  for (std::size_t piece = 1; piece < 40; ++piece) {
    CHECK(parse("GET / HTTP/1.1\nHost: localhost\n\n", piece).end == State::bad);
    CHECK(parse("GET / HTTP/1.1\r\nHost: localhost\n\n", piece).end == State::bad);
  }
  check_bad(with("X-Test: a\nX-Other: b\r\n"), 400);
  check_bad(with("X-Test: a\rX-Other: b\r\n"), 400);
  check_bad(with("Content-Length : 5\r\n", "hello"), 400);
  check_bad(with(" X-Test: a\r\n"), 400);
  check_bad(with("X Test: a\r\n"), 400);
  check_bad(with(": a\r\n"), 400);
  check_bad(with(std::string("X-Test: a\0b\r\n", 13)), 400);
}

TEST_CASE("parser: only a path of this server can be the target", "[http]") {
  check_bad("GET http://localhost/mcp HTTP/1.1\r\n\r\n", 400);
  check_bad("CONNECT localhost:80 HTTP/1.1\r\n\r\n", 400);
  check_bad("OPTIONS * HTTP/1.1\r\n\r\n", 400);
  check_bad("GET  / HTTP/1.1\r\n\r\n", 400);
  check_bad("GET /a b HTTP/1.1\r\n\r\n", 505);
  check_bad("GET / HTTP/2.0\r\n\r\n", 505);
  check_bad("GET / HTTP/1.2\r\n\r\n", 505);
  check_bad("GET /\r\n\r\n", 400);
  check_bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

TEST_CASE("parser: broken chunks are refused", "[http]") {
  const std::string head = "Transfer-Encoding: chunked\r\n";
  check_bad(with(head, "5\r\nhelloX\r\n0\r\n\r\n"), 400);
  check_bad(with(head, "g\r\nhello\r\n"), 400);
  check_bad(with(head, "5 5\r\nhello\r\n"), 400);
  check_bad(with(head, "-5\r\nhello\r\n"), 400);
  check_bad(with(head, "fffffffffffffffff\r\n"), 400);
  check_bad(with(head, "ffffffff\r\n"), 413);
}

TEST_CASE("parser: the limits hold in whatever pieces a request comes", "[http]") {
  Limits limits;
  limits.header_bytes = 1000;
  limits.body_bytes = 100;
  const auto status = [&](const std::string& bytes, std::size_t piece) {
    const Parsed parsed = parse(bytes, piece, limits);
    return parsed.end == State::bad ? parsed.bad.status : 0;
  };
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a:\r\n";
  std::string fields;
  for (int i = 0; i < 50; ++i) fields += "X-Header-Of-Some-Length: and a value\r\n";
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 39U, 40U, 100'000U}) {
    CAPTURE(piece);
    CHECK(status("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n\r\n", piece) == 431);
    CHECK(status(with("X: " + std::string(2000, 'a') + "\r\n"), piece) == 431);
    CHECK(status(with(fields), piece) == 431);
    CHECK(status(with(many), piece) == 431);
    CHECK(status(with("Content-Length: 101\r\n", std::string(101, 'a')), piece) == 413);
    CHECK(status(with("Transfer-Encoding: chunked\r\n", "40\r\n" + std::string(64, 'a') + "\r\n40\r\n"), piece) == 413);
    CHECK(status(with("Content-Length: 100\r\n", std::string(100, 'a')), piece) == 0);
  }
}
