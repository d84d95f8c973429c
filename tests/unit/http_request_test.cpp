#include <catch2/catch.hpp>

#include "http/exchange.hpp"
#include "http/response_head.hpp"

using namespace musher::http;
using namespace std::string_literals;

TEST_CASE("request: header names ignore case, values are trimmed, absent is not empty", "[http]") {
  Request request;
  request.add_header("Content-Type", " \t application/json\t ");
  request.add_header("X-Empty", "  ");
  CHECK(request.header("content-type") == "application/json");
  CHECK(request.header("CONTENT-TYPE") == "application/json");
  CHECK(request.header("x-empty") == "");
  CHECK(request.header("Content-Typ") == std::nullopt);
  CHECK(request.header("") == std::nullopt);
}

TEST_CASE("request: a header sent twice has its values joined", "[http]") {
  Request request;
  request.add_header("Accept", "text/html");
  request.add_header("Other", "1");
  request.add_header("ACCEPT", " application/json ");
  request.add_header("accept", "*/*");
  CHECK(request.header("Accept") == "text/html, application/json, */*");
  CHECK(request.header("Other") == "1");
}

TEST_CASE("request: a copy and a cleared request keep nothing of each other", "[http]") {
  Request request;
  request.method = "POST";
  request.add_header("A", "1");
  request.principal = {"ci", true};
  const Request copy = request;
  request.clear();
  CHECK(copy.header("a") == "1");
  CHECK(request.header("a") == std::nullopt);
  CHECK(request.method.empty());
  CHECK(request.principal.name.empty());
  CHECK_FALSE(request.principal.read_only);
}

TEST_CASE("response: a line feed in a header's value does not begin another header", "[http]") {
  std::string bytes;
  write_head({200, "text/plain", "x", {{"X-Note", "a\r\nSet-Cookie: b\0c"s}}}, {"DATE", false, true}, bytes);
  CHECK(bytes ==
        "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n"
        "X-Note: a  Set-Cookie: b c\r\n\r\n");
}

TEST_CASE("response: 204 and 304 have no length, an empty body no type", "[http]") {
  std::string bytes;
  write_head({204, "text/plain", "", {}}, {"DATE", false, true}, bytes);
  CHECK(bytes == "HTTP/1.1 204 No Content\r\nDate: DATE\r\n\r\n");
  write_head({202, "text/plain", "", {}}, {"DATE", false, false}, bytes);
  CHECK(bytes == "HTTP/1.1 202 Accepted\r\nDate: DATE\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
