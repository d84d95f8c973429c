// Dialing a WebSocket: our own server at the other end, and servers that are wrong.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <future>

#include "http/dial.hpp"
#include "http/unreached.hpp"
#include "support/http_server.hpp"
#include "support/tls_files.hpp"
#include "support/web_socket_peer.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

namespace {

using Socket = std::shared_ptr<http::WebSocket>;

http::WebSocketUrl url_of(std::uint16_t port, const std::string& path = "/ws", const std::string& host = "127.0.0.1",
                          const std::string& scheme = "ws") {
  return http::parse_web_socket_url(fmt::format("{}://{}:{}{}", scheme, host, port, path)).value();
}

/// Dials, waits for the outcome, and starts the socket with a recorder.
struct Dialed {
  Dialed(Loop& loop, const http::WebSocketUrl& url, http::DialOptions options = {}) {
    std::promise<void> done;
    std::unique_ptr<http::Dial> dial;
    loop.call([&] {
      dial = http::dial_web_socket(loop.io(), url, std::move(options), [&](Result<Socket> outcome) {
        if (outcome) {
          recorder = std::make_shared<Recorder>(*outcome);
          binding = (*outcome)->channel_binding();
          subprotocol = (*outcome)->subprotocol();
          peer = (*outcome)->peer();
          (*outcome)->start(recorder);
        } else {
          error = outcome.error();
        }
        dial.reset();
        done.set_value();
      });
    });
    REQUIRE(done.get_future().wait_for(kPatience) == std::future_status::ready);
  }

  std::shared_ptr<Recorder> recorder;
  std::optional<http::ChannelBinding> binding;
  std::string subprotocol, peer;
  std::optional<Error> error;
};

Error refused(const http::WebSocketUrl& url, http::DialOptions options = {}) {
  Loop loop;
  const Dialed dialed(loop, url, std::move(options));
  REQUIRE(dialed.error);
  return *dialed.error;
}

void send(Loop& loop, const Dialed& dialed, const std::string& message) {
  loop.call([&] { CHECK(dialed.recorder->socket()->send(message)); });
}

/// The handler of an echo that remembers its sockets' channel bindings.
class EchoRoute {
 public:
  http::WebSocketHandler handler() {
    return [this](const http::Request&, const Socket& socket) {
      const std::lock_guard lock(mutex_);
      bindings_.push_back(socket->channel_binding());
      recorders_.push_back(std::make_shared<Recorder>(socket, true));
      socket->start(recorders_.back());
    };
  }
  /// The nth socket's; waits for it.
  std::shared_ptr<Recorder> recorder(std::size_t n = 0) {
    std::shared_ptr<Recorder> found;
    REQUIRE(wait_until([&] {
      const std::lock_guard lock(mutex_);
      if (recorders_.size() > n) found = recorders_[n];
      return found != nullptr;
    }));
    return found;
  }
  std::optional<http::ChannelBinding> binding(std::size_t n) {
    static_cast<void>(recorder(n));
    const std::lock_guard lock(mutex_);
    return bindings_[n];
  }

 private:
  std::mutex mutex_;
  std::vector<std::optional<http::ChannelBinding>> bindings_;
  std::vector<std::shared_ptr<Recorder>> recorders_;
};

std::string some_bytes(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * i / 7);
  return out;
}

}  // namespace

TEST_CASE("dial: messages of every length go both ways, plain and deflated", "[http]") {
  const bool client_deflates = GENERATE(false, true);
  const bool server_deflates = GENERATE(false, true);
  CAPTURE(client_deflates, server_deflates);
  EchoRoute echo;
  HttpServer server({}, [&](http::Server& http) {
    http.route_web_socket("/ws", echo.handler(), {.subprotocols = {"b", "a"}, .deflate = server_deflates});
  });
  Loop loop;
  const Dialed dialed(loop, url_of(server.port()), {.subprotocols = {"a"}, .deflate = client_deflates});
  REQUIRE_FALSE(dialed.error);
  CHECK(dialed.subprotocol == "a");
  CHECK(dialed.peer == fmt::format("127.0.0.1:{}", server.port()));
  std::vector<std::string> sent;
  for (const std::size_t size :
       {0U, 1U, 125U, 126U, 65'535U, 65'536U, 100'000U, 1'000'000U, 4'194'304U, 255U, 256U, 257U}) {
    sent.push_back(some_bytes(size));
    sent.emplace_back(size, 'a');
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    send(loop, dialed, sent[i]);
    REQUIRE(wait_until([&] { return dialed.recorder->count() == i + 1; }));
  }
  CHECK(dialed.recorder->messages() == sent);
  loop.call([&] { dialed.recorder->socket()->close(1000, "done"); });
  CHECK(dialed.recorder->closed().code == 1000);
  CHECK_FALSE(dialed.recorder->closed().by_peer);
  CHECK(echo.recorder()->closed().code == 1000);
  CHECK(echo.recorder()->closed().reason == "done");
  CHECK(echo.recorder()->closed().by_peer);
}

TEST_CASE("dial: deflate makes less of what repeats itself, where both sides want it", "[http]") {
  for (const bool deflate : {false, true}) {
    bool offered = false;
    std::optional<Frame> message;
    ScriptedServer server([&](RawClient& client, const std::string& request) {
      offered = request.find("permessage-deflate") != std::string::npos;
      client.send(upgrade_answer(request, offered ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : ""));
      message = read_frame(client);
      client.send(frame(Opcode::close, close_payload(1000), {.masked = false}));
      static_cast<void>(client.read_to_end());
    });
    Loop loop;
    const Dialed dialed(loop, url_of(server.port()), {.deflate = deflate});
    REQUIRE_FALSE(dialed.error);
    send(loop, dialed, std::string(100'000, 'x'));
    CHECK(dialed.recorder->closed().code == 1000);
    CHECK(offered == deflate);
    REQUIRE(message);
    CHECK(message->reserved == (deflate ? 4U : 0U));
    CHECK((message->payload.size() < 2'000) == deflate);
  }
}

TEST_CASE("dial: over TLS with a certificate that is trusted; both ends have one channel binding", "[http]") {
  const TempFolder folder;
  http::Options options;
  options.tls = make_tls_files(folder, "server");
  ::setenv("SSL_CERT_FILE", options.tls->certificate.c_str(), 1);
  EchoRoute echo;
  HttpServer server(std::move(options), [&](http::Server& http) { http.route_web_socket("/ws", echo.handler(), {}); });
  Loop loop;
  const Dialed first(loop, url_of(server.port(), "/ws", "localhost", "wss"));
  const Dialed second(loop, url_of(server.port(), "/ws", "localhost", "wss"), {.deflate = true});
  REQUIRE_FALSE(first.error);
  REQUIRE_FALSE(second.error);
  REQUIRE(first.binding);
  CHECK(first.binding == echo.binding(0));
  CHECK(second.binding == echo.binding(1));
  CHECK(first.binding != second.binding);
  const std::string message = some_bytes(3'000'000);
  for (const Dialed* dialed : {&first, &second}) {
    send(loop, *dialed, message);
    send(loop, *dialed, "end");
    REQUIRE(wait_until([&] { return dialed->recorder->count() == 2; }));
    CHECK(dialed->recorder->messages() == std::vector<std::string>{message, "end"});
  }
  loop.call([&] { first.recorder->socket()->close(1000, ""); });
  CHECK(first.recorder->closed().code == 1000);
  server.stop();
  CHECK(second.recorder->closed().code == 1006);

  // Nobody vouches for this one.
  http::Options other;
  other.tls = make_tls_files(folder, "other");
  HttpServer unknown(std::move(other), [&](http::Server& http) { http.route_web_socket("/ws", echo.handler(), {}); });
  const Error untrusted = refused(url_of(unknown.port(), "/ws", "localhost", "wss"));
  CHECK(untrusted.code == Errc::io);
  CHECK_THAT(untrusted.what, Contains("no TLS with wss://localhost") && Contains("self"));
  CHECK_THAT(untrusted.hint, Contains("SSL_CERT_FILE"));
  ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE("dial: a certificate of another name, and a server without TLS, are refused", "[http]") {
  const TempFolder folder;
  http::Options options;
  options.tls = make_tls_files(folder, "server");
  ::setenv("SSL_CERT_FILE", options.tls->certificate.c_str(), 1);
  EchoRoute echo;
  const auto add = [&](http::Server& http) { http.route_web_socket("/ws", echo.handler(), {}); };
  HttpServer server(std::move(options), add);
  HttpServer plain({}, add);
  const Error other_name = refused(url_of(server.port(), "/ws", "127.0.0.1", "wss"));
  CHECK(other_name.code == Errc::io);
  CHECK_THAT(other_name.what, EndsWith("its certificate is of another name: localhost"));
  CHECK(other_name.hint == "if one of these names is that node's: that one in the URL; else somebody is in between");
  const Error no_tls = refused(url_of(plain.port(), "/ws", "localhost", "wss"));
  CHECK(no_tls.code == Errc::io);
  CHECK_THAT(no_tls.what, Contains("no TLS with wss://localhost") && EndsWith("that port speaks none: it is ws://"));
  CHECK(no_tls.hint == "if it is meant to have no TLS: " + url_of(plain.port(), "/ws", "localhost").text() +
                           "; else somebody is in between");
  const auto as_plain = url_of(server.port(), "/ws", "localhost");
  const Error tls = refused(as_plain);
  CHECK(tls.code == Errc::io);
  CHECK_THAT(tls.what, EndsWith("broke in the handshake; if that port speaks TLS, it is wss://"));
  CHECK_THAT(tls.hint, Contains(as_plain.with_tls(true).text()));
  ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE("dial: authorities that cannot be read are an error before anything is dialed", "[http]") {
  const TempFolder folder;
  const auto files = make_tls_files(folder, "server");
  std::atomic<int> connections = 0;
  const ScriptedServer server([&](RawClient&, const std::string&) { ++connections; });
  const std::string missing = (folder / "missing").string();
  struct Case {
    const char* variable;
    std::string value, named, why;
  };
  for (const Case& bad : {Case{"SSL_CERT_FILE", missing, missing, "No such file"},
                          Case{"SSL_CERT_FILE", files.key.string(), files.key.string(), "no certificate"},
                          Case{"SSL_CERT_FILE", folder.path().string(), folder.path().string(), "no certificate"},
                          Case{"SSL_CERT_DIR", missing + ":" + missing + "2", missing, "No such file"}}) {
    CAPTURE(bad.value);
    ::setenv(bad.variable, bad.value.c_str(), 1);
    const Error error = refused(url_of(server.port(), "/ws", "127.0.0.1", "wss"));
    CHECK(error.code == Errc::usage);
    CHECK_THAT(error.what, Contains(bad.variable) && Contains(bad.named) && Contains(bad.why));
    CHECK(refused(url_of(server.port())).code == Errc::io);  // without TLS it is nobody's business
    ::unsetenv(bad.variable);
  }
  CHECK(connections == 4);
}

TEST_CASE("dial: a TLS server that says so to one without TLS is named as one", "[http]") {
  using namespace std::string_literals;
  const ScriptedServer server(
      [](RawClient& client, const std::string&) { client.send("\x15\x03\x01\x00\x02\x02\x0a"s); });
  const Error tls = refused(url_of(server.port()));
  CHECK(tls.code == Errc::io);
  CHECK_THAT(tls.what, EndsWith("that port speaks TLS: it is wss://"));
  CHECK(tls.hint == "with TLS: " + url_of(server.port(), "/ws", "127.0.0.1", "wss").text());
}

TEST_CASE("dial: nobody there, and no such name, are I/O errors with a hint", "[http]") {
  std::uint16_t port = 0;
  {
    const ScriptedServer gone([](RawClient&, const std::string&) {});
    port = gone.port();
  }
  const Error nobody = refused(url_of(port));
  CHECK(nobody.code == Errc::io);
  CHECK_THAT(nobody.what, Contains(fmt::format("cannot reach ws://127.0.0.1:{}/ws", port)) && Contains("refused"));
  CHECK_THAT(nobody.hint, Contains("is musher serve running there?"));
  const Error no_name = refused(url_of(80, "/ws", std::string(70, 'a')));
  CHECK(no_name.code == Errc::io);
  CHECK(no_name.hint == "check the name " + std::string(70, 'a'));
}

TEST_CASE("dial: what nobody is reached at says what to look at", "[http]") {
  struct Unreached {
    std::string url, hint;
  };
  for (const Unreached& each :
       {Unreached{"http://127.0.0.1:17", "is musher serve running there? musher serve --listen 127.0.0.1:17"},
        Unreached{"http://[::1]:17", "is musher serve running there? musher serve --listen [::1]:17"},
        Unreached{"https://m.example.org:17", "check the address and the port; is musher serve running there?"},
        Unreached{"http://192.0.2.1:17", "check the address and the port; is musher serve running there?"},
        Unreached{"http://127.0.0.1", "this is port 80, and musher serve's own is 7777: is it 127.0.0.1:7777?"},
        Unreached{"https://[2001:db8::1]",
                  "this is port 443, and musher serve's own is 7777: is it [2001:db8::1]:7777?"}}) {
    const auto url = http::parse_server_url(each.url).value();
    CHECK(http::cannot_reach(each.url, url, boost::asio::error::connection_refused).error().hint == each.hint);
    CHECK(http::cannot_reach(each.url, url, boost::asio::error::host_not_found).error().hint ==
          "check the name " + url.host);
  }
}

TEST_CASE("dial: another status than 101 is told, with what to do about it", "[http]") {
  const std::string token = "0123456789abcdef0123456789abcdef";
  http::Options options;
  options.tokens = http::TokenTable::parse("alice " + token + "\n", "tokens").value();
  EchoRoute echo;
  HttpServer server(std::move(options), [&](http::Server& http) {
    http.route_web_socket("/ws", echo.handler(), {.subprotocols = {"musher.1"}});
  });
  const Error without = refused(url_of(server.port()));
  CHECK(without.code == Errc::refused);
  CHECK_THAT(without.what, EndsWith("it answers 401: a token is needed: --rendezvous-token-file FILE"));
  CHECK_THAT(without.hint, Contains("rendezvous_token_file"));
  const Error wrong = refused(url_of(server.port()), {.token = std::string(32, 'f')});
  CHECK_THAT(wrong.what, EndsWith("the token of --rendezvous-token-file is not in the token file there"));
  const Error no_path = refused(url_of(server.port(), "/other"), {.token = token});
  CHECK_THAT(no_path.what, EndsWith("it answers 404: it is --read-only, or the path is wrong"));
  CHECK_THAT(no_path.hint, Contains("/crdt-sync"));
  const Error no_protocol = refused(url_of(server.port()), {.token = token, .subprotocols = {"musher.9"}});
  CHECK(no_protocol.code == Errc::refused);
  CHECK_THAT(no_protocol.what, Contains("it answers 400") && Contains("musher.1"));
  CHECK_THAT(no_protocol.what, !Contains("jsonrpc"));
  Loop loop;
  const Dialed right(loop, url_of(server.port()), {.token = token, .subprotocols = {"musher.9", "musher.1"}});
  CHECK_FALSE(right.error);
}

TEST_CASE("dial: of what 403 may mean, only what holds is told", "[http]") {
  const std::string token = "0123456789abcdef0123456789abcdef";
  http::Options options;
  options.tokens = http::TokenTable::parse("alice " + token + " read-only\n", "tokens").value();
  EchoRoute echo;
  HttpServer server(std::move(options),
                    [&](http::Server& http) { http.route_web_socket("/ws", echo.handler(), {.writes = true}); });
  const Error reader = refused(url_of(server.port()), {.token = token});
  CHECK(reader.code == Errc::refused);
  CHECK_THAT(reader.what, EndsWith("it answers 403: who comes in here writes, and this token may only read"));
  CHECK(reader.hint == "in the token file there: a token that is not read-only");
  const Error name = refused(url_of(server.port(), "/ws", "127.1"), {.token = token});
  CHECK_THAT(name.what, EndsWith("it answers 403: this Host is not served here"));
  CHECK(name.hint == "there: --allow-host 127.1, or allowed_hosts in its configuration");
}

TEST_CASE("dial: a port of another server is not said to be a read-only one", "[http]") {
  const ScriptedServer server([](RawClient& client, const std::string&) {
    client.send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  });
  const Error other = refused(url_of(server.port()));
  CHECK_THAT(other.what, EndsWith("it answers 404: another server is there, or the path is wrong"));
  CHECK(other.hint == "is it the port of musher serve? its URL: ws://HOST:PORT/crdt-sync");
}

TEST_CASE("dial: answers that are wrong are errors, and terminal codes in them are not passed on", "[http]") {
  struct Case {
    std::string name;
    std::function<std::string(const std::string&)> answer;
    Errc code;
    std::string what;
  };
  const auto fixed = [](std::string text) { return [text](const std::string&) { return text; }; };
  for (const Case& wrong : {
           Case{"another status", fixed("HTTP/1.1 503 Oops\r\nContent-Length: 14\r\n\r\nfull\x1b[31m\nmore"),
                Errc::refused, "it answers 503: full?[31m"},
           Case{"a redirect", fixed("HTTP/1.1 301 Moved\r\nLocation: ws://evil/\r\nContent-Length: 0\r\n\r\n"),
                Errc::refused, "it answers 301"},
           Case{"no HTTP", fixed("SSH-2.0-OpenSSH\r\n\r\n"), Errc::io, "broke in the handshake"},
           Case{"nothing", fixed(""), Errc::io, "broke in the handshake"},
           Case{"a header without an end", fixed("HTTP/1.1 101 OK\r\nX: " + std::string(100'000, 'x')), Errc::io,
                "broke in the handshake"},
           Case{"another key", [](const std::string&) { return upgrade_answer("Sec-WebSocket-Key: AAAA\r\n"); },
                Errc::refused, "Sec-WebSocket-Accept"},
           Case{"no Upgrade",
                [](const std::string& request) {
                  std::string text = upgrade_answer(request);
                  return text.replace(text.find("Upgrade: websocket"), 18, "Upgrade: h2c");
                },
                Errc::refused, "Upgrade"},
           Case{"an extension that was not offered",
                [](const std::string& request) {
                  return upgrade_answer(request, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
                },
                Errc::refused, "extension"},
           Case{"a subprotocol that was not offered",
                [](const std::string& request) { return upgrade_answer(request, "Sec-WebSocket-Protocol: x\x1b\r\n"); },
                Errc::io, ""},
           Case{"another subprotocol",
                [](const std::string& request) { return upgrade_answer(request, "Sec-WebSocket-Protocol: b\r\n"); },
                Errc::refused, "it speaks b, not a"},
           Case{"no subprotocol", [](const std::string& request) { return upgrade_answer(request); }, Errc::refused,
                "no protocol of its own"},
       }) {
    CAPTURE(wrong.name);
    const ScriptedServer server(
        [&](RawClient& client, const std::string& request) { client.send(wrong.answer(request)); });
    const Error error = refused(url_of(server.port()), {.subprotocols = {"a"}});
    CHECK(error.code == wrong.code);
    CHECK_THAT(error.what, Contains(wrong.what));
    CHECK(error.what.find('\x1b') == std::string::npos);
    CHECK_FALSE(error.hint.empty());
  }
}

TEST_CASE("dial: a server that is silent is busy when the time is over", "[http]") {
  std::atomic<bool> over = false;
  const ScriptedServer server([&](RawClient& client, const std::string&) {
    static_cast<void>(client.read_to_end());
    over = true;
  });
  for (const std::string scheme : {"ws", "wss"}) {
    const Error late =
        refused(url_of(server.port(), "/ws", "127.0.0.1", scheme), {.limits = {.handshake_timeout = 50ms}});
    CHECK(late.code == Errc::busy);
    CHECK_THAT(late.what, Contains(scheme == "ws" ? "does not answer the upgrade" : "TLS handshake"));
  }
  CHECK(wait_until([&] { return over.load(); }));
}

TEST_CASE("dial: one that is cancelled at any step is not heard of again, and its connection ends", "[http]") {
  // One that is cancelled late may have asked already, so only the last has this path.
  std::atomic<int> asked = 0;
  std::atomic<int> ended = 0;
  const ScriptedServer server([&](RawClient& client, const std::string& request) {
    const bool last = request.find("/last") != std::string::npos;
    asked += last ? 1 : 0;
    static_cast<void>(client.read_to_end());
    ended += last ? 1 : 0;
  });
  Loop loop;
  std::atomic<int> called = 0;
  std::unique_ptr<http::Dial> dial;
  const auto begin = [&](const std::string& host, const std::string& path = "/ws") {
    dial = http::dial_web_socket(loop.io(), url_of(server.port(), path, host), {},
                                 [&](const Result<Socket>&) { ++called; });
  };
  loop.call([&] {
    begin("127.0.0.1");
    dial->cancel();
    dial->cancel();
    begin("localhost");  // the first is let go of
    dial.reset();
  });
  loop.call([&] { begin("localhost"); });
  loop.call([&] { dial->cancel(); });
  loop.call([&] { begin("127.0.0.1", "/last"); });
  REQUIRE(wait_until([&] { return asked == 1; }));
  loop.call([&] { dial.reset(); });
  REQUIRE(wait_until([&] { return ended == 1; }));
  loop.call([] {});
  CHECK(called == 0);
}

TEST_CASE("dial: frames that come with the answer are read", "[http]") {
  const ScriptedServer server([](RawClient& client, const std::string& request) {
    std::string all = upgrade_answer(request);
    for (int i = 0; i < 500; ++i) all += frame(Opcode::binary, std::string(100, 'x'), {.masked = false});
    client.send(all + frame(Opcode::close, close_payload(1000, "bye"), {.masked = false}));
    static_cast<void>(client.read_to_end());
  });
  Loop loop;
  const Dialed dialed(loop, url_of(server.port()));
  REQUIRE_FALSE(dialed.error);
  const auto how = dialed.recorder->closed();
  CHECK(how.code == 1000);
  CHECK(how.reason == "bye");
  CHECK(how.by_peer);
  CHECK(dialed.recorder->count() == 500);
}

TEST_CASE("dial: a server's frames that break the protocol end in a close code", "[http]") {
  struct Case {
    std::string bytes;
    std::uint16_t code;
  };
  for (const Case& wrong :
       {Case{frame(Opcode::binary, "masked"), 1002}, Case{frame(Opcode::text, "text", {.masked = false}), 1003},
        Case{frame(Opcode::binary, std::string(1001, 'x'), {.masked = false}), 1009},
        Case{frame(Opcode::binary, "x", {.masked = false, .reserved = 4}), 1002}}) {
    std::atomic<int> code = 0;
    const ScriptedServer server([&](RawClient& client, const std::string& request) {
      client.send(upgrade_answer(request) + wrong.bytes);
      code = read_close_code(client);
      client.send(frame(Opcode::close, close_payload(1000), {.masked = false}));
      static_cast<void>(client.read_to_end());
    });
    Loop loop;
    const Dialed dialed(loop, url_of(server.port()), {.limits = {.message_bytes = 1000}});
    REQUIRE_FALSE(dialed.error);
    CHECK(dialed.recorder->closed().code == wrong.code);
    CHECK_FALSE(dialed.recorder->closed().by_peer);
    CHECK(code == wrong.code);
  }
}

TEST_CASE("dial: an io_context that ends takes its sockets and their users with it", "[http]") {
  EchoRoute echo;
  HttpServer server({}, [&](http::Server& http) { http.route_web_socket("/ws", echo.handler(), {}); });
  std::weak_ptr<Recorder> user;
  {
    Loop loop;
    Dialed dialed(loop, url_of(server.port()));
    REQUIRE_FALSE(dialed.error);
    user = dialed.recorder;
    send(loop, dialed, std::string(1'000'000, 'x'));
  }
  CHECK(user.expired());
  CHECK(wait_until([&] { return server.stats().web_sockets == 0; }));
}
