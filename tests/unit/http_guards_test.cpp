#include <catch2/catch.hpp>

#include "http/guards.hpp"
#include "http/inherited_sockets.hpp"
#include "http/source.hpp"

#include <unistd.h>

using namespace musher::http;

namespace {
const std::vector<std::string> kNone;
const std::vector<std::string> kAllowed{"musher.example", "[fd00::1]"};
}  // namespace

TEST_CASE("source: a client is its address, of IPv6 the network that is its own", "[http]") {
  CHECK(source_of("127.0.0.1:40312") == "127.0.0.1");
  CHECK(source_of("192.0.2.7:1") == "192.0.2.7");
  CHECK(source_of("[2001:db8:1:2:3:4:5:6]:443") == "2001:db8:1:2::/64");
  CHECK(source_of("[2001:db8:1:2::9]:443") == "2001:db8:1:2::/64");
  CHECK(source_of("[2001:db8:1:3::9]:443") == "2001:db8:1:3::/64");
  CHECK(source_of("[fe80::1%eth0]:443") == "fe80::/64");
  CHECK(source_of("[::1]:7777") == "::/64");
  CHECK(source_of("[::ffff:192.0.2.7]:7777") == "192.0.2.7");
  CHECK(source_of("") == "");
}

TEST_CASE("guards: Host may be loopback by any of its names, with a port or without", "[http]") {
  for (const char* host :
       {"localhost", "localhost:7777", "LocalHost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:7777"}) {
    CAPTURE(host);
    CHECK(host_is_allowed(host, kNone));
  }
}

TEST_CASE("guards: what no Host header can be is not put on the list; a port is left out", "[http]") {
  for (const char* host : {"musher.example", "musher.example:7777", "192.0.2.1", "192.0.2.1:1", "[fd00::1]",
                           "[fd00::1]:1", "MUSHER_1.example-x"}) {
    CAPTURE(host);
    const auto allowed = allowable_host(host);
    REQUIRE(allowed);
    CHECK(host_is_allowed(host, std::vector{*allowed}));
    CHECK(host_is_allowed(*allowed + ":8080", std::vector{*allowed}));
  }
  for (const char* host :
       {"",    ":", ":80",       "http://x", "x/",       "a b", " a",   "a:",           "a:x", "a:123456",
        "u@a", "*", "*.example", "fd00::1",  "[fd00::1", "[]",  "[a]b", "[fd00::1]x:1", "a]",  "b\xc3\xbc.example",
        "a\n"}) {
    CAPTURE(host);
    CHECK_FALSE(allowable_host(host));
  }
}

TEST_CASE("guards: any other Host is refused unless it is on the list", "[http]") {
  for (const char* host : {"",
                           ":",
                           ":7777",
                           "evil.example",
                           "localhost.evil.example",
                           "evil.example:7777",
                           "localhost:",
                           "localhost:x",
                           "localhost:123456",
                           "localhost:80:80",
                           "localhost.",
                           "::1",
                           "[::1",
                           "::1]",
                           "[::1]x",
                           "[::1]:",
                           "127.0.0.2",
                           "127.1",
                           "2130706433",
                           "0.0.0.0",
                           "user@localhost",
                           "localhost@evil.example",
                           "localhost, localhost",
                           "localhost/",
                           " localhost",
                           "127.0.0.1:80@evil.example",
                           "musher.example",
                           "[fd00::1]"}) {
    CAPTURE(host);
    CHECK_FALSE(host_is_allowed(host, kNone));
  }
  CHECK(host_is_allowed("musher.example:443", kAllowed));
  CHECK(host_is_allowed("Musher.Example", kAllowed));
  CHECK(host_is_allowed("[fd00::1]:7777", kAllowed));
  CHECK_FALSE(host_is_allowed("x.musher.example", kAllowed));
}

TEST_CASE("guards: Origin may be http or https of such a host, and nothing else", "[http]") {
  for (const char* origin : {"http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:1"}) {
    CAPTURE(origin);
    CHECK(origin_is_allowed(origin, kNone));
  }
  for (const char* origin : {"", "null", "localhost", "file://", "file://localhost", "http://", "https://evil.example",
                             "http://localhost.evil.example", "http://localhost/", "http://localhost, http://localhost",
                             "ws://localhost", "chrome-extension://localhost", "http://evil.example#http://localhost",
                             "http:localhost", "http://musher.example"}) {
    CAPTURE(origin);
    CHECK_FALSE(origin_is_allowed(origin, kNone));
  }
  CHECK(origin_is_allowed("https://musher.example", kAllowed));
}

TEST_CASE("guards: the token of Bearer, and of no other scheme", "[http]") {
  CHECK(bearer_token("Bearer abc") == "abc");
  CHECK(bearer_token("bearer   abc") == "abc");
  for (const char* value : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc", "Bearer a b",
                            "Bearer a, Bearer b", "Bearer\tabc", "Token Bearer"}) {
    CAPTURE(value);
    CHECK(bearer_token(value) == std::nullopt);
  }
}

TEST_CASE("inherited sockets: only those of this process, and only numbers", "[http]") {
  const std::string mine = std::to_string(::getpid());
  CHECK(inherited_sockets(nullptr, "1")->empty());
  CHECK(inherited_sockets(mine.c_str(), nullptr)->empty());
  CHECK(inherited_sockets("1", "1")->empty());
  CHECK(inherited_sockets(mine.c_str(), "0")->empty());
  for (const char* count : {"x", "-1", "1x", "", "100000"}) {
    const auto sockets = inherited_sockets(mine.c_str(), count);
    REQUIRE_FALSE(sockets);
    CHECK(sockets.error().code == musher::Errc::usage);
  }
}
