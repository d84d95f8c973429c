// The client against servers that say nothing, too much, or are not there.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client.hpp"
#include "http/server_url.hpp"

using namespace musher;
using namespace musher::http;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

/// A bound port. Listening, it takes connections (the kernel does) and never says a word.
class SilentPort {
 public:
  explicit SilentPort(bool listens) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    if (listens) REQUIRE(::listen(fd_, 8) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  ~SilentPort() { ::close(fd_); }
  [[nodiscard]] ServerUrl url(std::string_view scheme = "http") const {
    return *parse_server_url(std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + "/mcp");
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("server URL: scheme, host and port are read; loopback is known", "[http]") {
  struct Good {
    std::string text, host, port, authority;
    bool tls, loopback;
  };
  for (const Good& good : {Good{"http://127.0.0.1:7777", "127.0.0.1", "7777", "127.0.0.1:7777", false, true},
                           Good{"http://localhost:1/mcp", "localhost", "1", "localhost:1", false, true},
                           Good{"https://m.example.org", "m.example.org", "443", "m.example.org:443", true, false},
                           Good{"http://127.evil.org/", "127.evil.org", "80", "127.evil.org:80", false, false},
                           Good{"http://[::1]:7777/mcp", "::1", "7777", "[::1]:7777", false, true},
                           Good{"HTTP://127.0.0.1:7777", "127.0.0.1", "7777", "127.0.0.1:7777", false, true},
                           Good{"Https://m.example.org", "m.example.org", "443", "m.example.org:443", true, false},
                           Good{"https://[2001:db8::1]", "2001:db8::1", "443", "[2001:db8::1]:443", true, false}}) {
    CAPTURE(good.text);
    const auto url = parse_server_url(good.text);
    REQUIRE(url);
    CHECK(url->host == good.host);
    CHECK(url->port == good.port);
    CHECK(url->authority() == good.authority);
    CHECK(url->tls == good.tls);
    CHECK(url->is_loopback == good.loopback);
  }
  for (const std::string bad :
       {"", "127.0.0.1:7777", "ftp://a", "http://", "http://:80", "http://a:", "http://a:0", "http://a:65536",
        "http://a:1x", "http://a/other", "http://a?b", "http://a/mcp#c", "http://u@a", "http://u:p@a:1", "http://[::1",
        "http://[]", "http://a b", "http://a\r\nX: y"}) {
    CAPTURE(bad);
    const auto url = parse_server_url(bad);
    REQUIRE_FALSE(url);
    CHECK(url.error().code == Errc::usage);
  }
}

TEST_CASE("WebSocket URL: ws and wss, with any plain path", "[http]") {
  const auto url = parse_web_socket_url("wss://[2001:db8::1]:7777/crdt-sync");
  REQUIRE(url);
  CHECK(url->server.tls);
  CHECK(url->server.host == "2001:db8::1");
  CHECK(url->path == "/crdt-sync");
  CHECK(url->text() == "wss://[2001:db8::1]:7777/crdt-sync");
  CHECK(parse_web_socket_url("ws://a")->text() == "ws://a:80/");
  CHECK(parse_web_socket_url("wss://a/x/y")->text() == "wss://a:443/x/y");
  CHECK(parse_web_socket_url("WS://a/X")->text() == "ws://a:80/X");
  CHECK(parse_web_socket_url("Wss://a")->text() == "wss://a:443/");
  for (const std::string bad : {"", "http://a/crdt-sync", "ws:/a", "ws://", "ws://a/b?token=c", "ws://a/#b",
                                "ws://u@a/b", "ws://a/b c", "ws://a/b\r\nX: y", "ws://a?b"}) {
    CAPTURE(bad);
    const auto refused = parse_web_socket_url(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::usage);
    CHECK_THAT(refused.error().hint, Contains("/crdt-sync"));
  }
}

TEST_CASE("URL: one of the other kind is told as this kind has it, without a query", "[http]") {
  const auto as_server = [](std::string_view text) { return parse_server_url(text).error().hint; };
  const auto as_node = [](std::string_view text) { return parse_web_socket_url(text).error().hint; };
  CHECK(as_server("ws://127.0.0.1:7301") == "http://127.0.0.1:7301");
  CHECK(as_server("WSS://one.example.org/crdt-sync") == "https://one.example.org");
  CHECK(as_node("http://127.0.0.1:7301") == "ws://127.0.0.1:7301");
  CHECK(as_node("https://[::1]:7301/mcp") == "wss://[::1]:7301");
  CHECK(as_node("http://a:1/at/a/proxy?token=s3cret") == "ws://a:1/at/a/proxy");
  for (const std::string none : {"ftp://a", "http://", "http://a:x", "http://s3cret@a"}) {
    CAPTURE(none);
    CHECK_THAT(as_node(none), StartsWith("ws://127.0.0.1:7777/crdt-sync or"));
  }
}

TEST_CASE("URL: a token in it is refused with where one goes", "[http]") {
  const auto server = parse_server_url("http://token@127.0.0.1:7777");
  REQUIRE_FALSE(server);
  CHECK_THAT(server.error().what, EndsWith("a token goes into --token-file"));
  const auto node = parse_web_socket_url("ws://token@127.0.0.1:7777");
  REQUIRE_FALSE(node);
  CHECK_THAT(node.error().what,
             Contains("a token goes into --rendezvous-token-file") && Contains("rendezvous_token_file"));
}

TEST_CASE("URL: what stands where a user does is left out of every error", "[http]") {
  for (const std::string before : {"http://", "ws://", "https://", "ftp://", "", "http:/"}) {
    for (const std::string secret : {"s3cret", "user:s3cret", "s3cret/+=", "s3cret@s3cret", "s3cret://s3cret"}) {
      for (const std::string after : {"@127.0.0.1:7777", "@a/other", "@a:0", "@"}) {
        const std::string text = before + secret + after;
        CAPTURE(text);
        const auto server = parse_server_url(text);
        REQUIRE_FALSE(server);
        CHECK_THAT(server.error().what, !Contains("s3cret"));
        const auto node = parse_web_socket_url(text + "?");
        REQUIRE_FALSE(node);
        CHECK_THAT(node.error().what, !Contains("s3cret"));
      }
    }
  }
  CHECK_THAT(parse_server_url("http://token@127.0.0.1:7777").error().what,
             Contains("\"http://127.0.0.1:7777\" is no URL of a server: it names a user"));
}

TEST_CASE("http client: a server that says nothing is busy when the time is over, and what became of a write not known",
          "[http]") {
  const SilentPort port(true);
  const Client client(port.url(), {}, {.connect = 5s, .answer = 50ms});
  const auto written = client.post("{}", {}, Effect::writes);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Errc::busy);
  CHECK_THAT(written.error().hint, Contains("not known"));
  const auto read = client.post("{}", {}, Effect::reads);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::busy);
  CHECK_THAT(read.error().hint, Contains("try again") && !Contains("not known"));
}

TEST_CASE("http client: a TLS handshake that does not end is busy", "[http]") {
  const SilentPort port(true);
  const auto reply = Client(port.url("https"), {}, {.connect = 50ms}).post("{}", {}, Effect::reads);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::busy);
}

TEST_CASE("http client: nobody there is an I/O error with a hint", "[http]") {
  const SilentPort port(false);
  const auto reply = Client(port.url()).post("{}", {}, Effect::reads);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::io);
  CHECK(reply.error().hint == "is musher serve running there? musher serve --listen " + port.url().authority());
  const auto elsewhere =
      Client(*parse_server_url("http://" + std::string(70, 'a') + ":1")).post("{}", {}, Effect::reads);
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().hint == "check the name " + std::string(70, 'a'));
}
