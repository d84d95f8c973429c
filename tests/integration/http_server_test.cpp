// Requests and answers over real sockets.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <mutex>
#include <stdexcept>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using Catch::Matchers::Contains;
using Exchange = std::shared_ptr<http::Exchange>;

TEST_CASE("http: one connection carries many requests", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  for (int i = 0; i < 50; ++i) {
    REQUIRE(client.send(i % 2 == 0 ? get("/hello") : post("/echo", "body " + std::to_string(i))));
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == (i % 2 == 0 ? R"({"hello":"world"})" : "body " + std::to_string(i)));
    CHECK(answer->header("Connection") == std::nullopt);
  }
  CHECK(server.stats().accepted == 1);
  CHECK(server.stats().requests == 50);
}

TEST_CASE("http: a large body's memory is kept neither by a handler that drops it nor for the next request", "[http]") {
  const auto facts = [](const http::Request& request) {
    return std::to_string(request.body.size()) + (request.body.capacity() > 100'000 ? " large" : " small");
  };
  HttpServer server({}, [&](http::Server& http) {
    http.route("/drop", [&](const Exchange& exchange) {
      exchange->drop_body();
      exchange->respond({.body = facts(exchange->request())});
    });
    http.route("/keep", [&](const Exchange& exchange) { exchange->respond({.body = facts(exchange->request())}); });
  });
  RawClient client(server.port());
  const auto asked = [&](const std::string& request) {
    REQUIRE(client.send(request));
    const auto answer = client.read_response();
    return answer ? answer->body : "nothing";
  };
  CHECK(asked(post("/drop", std::string(1'000'000, 'x'))) == "0 small");
  CHECK(asked(post("/keep", std::string(1'000'000, 'x'))) == "1000000 large");
  CHECK(asked(get("/keep")) == "0 small");
}

TEST_CASE("http: an answer has its type, its length and the date, and nothing that lets other origins read it",
          "[http]") {
  HttpServer server;
  const auto answer = ask(server.port(), get("/hello", "Origin: http://localhost:3000\r\n"));
  REQUIRE(answer);
  CHECK(answer->header("Content-Type") == "application/json");
  CHECK(answer->header("Content-Length") == "17");
  CHECK(answer->header("Date").value_or("").ends_with(" GMT"));
  CHECK_THAT(answer->head, !Contains("Access-Control") && !Contains("Server:"));
}

TEST_CASE("http: pipelined requests are answered in their order, those that wait included", "[http]") {
  // The answer to /later comes when the test says so.
  std::mutex mutex;
  std::vector<Exchange> waiting;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/later", [&](Exchange exchange) {
      const std::lock_guard lock(mutex);
      waiting.push_back(std::move(exchange));
    });
  });
  RawClient client(server.port());
  std::string requests = post("/echo", "first") + get("/later");
  for (int i = 0; i < 200; ++i) requests += post("/echo", "number " + std::to_string(i));
  REQUIRE(client.send(requests));
  CHECK(client.read_response()->body == "first");
  REQUIRE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return waiting.size() == 1;
  }));
  CHECK(server.stats().requests == 2);
  server.call([&](http::Server&) { waiting.front()->respond({.body = "later"}); });
  CHECK(client.read_response()->body == "later");
  for (int i = 0; i < 200; ++i) {
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->body == "number " + std::to_string(i));
  }
  server.call([&](http::Server&) { waiting.clear(); });
}

TEST_CASE("http: a request is understood in whatever pieces it comes", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  const std::string request = post("/echo", "hello") + get("/hello");
  for (const char byte : request) REQUIRE(client.send(std::string(1, byte)));
  CHECK(client.read_response()->body == "hello");
  CHECK(client.read_response()->body == R"({"hello":"world"})");
}

TEST_CASE("http: chunked bodies and long ones arrive whole", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  REQUIRE(
      client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"));
  CHECK(client.read_response()->body == "hello world");
  std::string big(4U << 20U, 'x');
  for (std::size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  REQUIRE(client.send(post("/echo", big)));
  const auto answer = client.read_response();
  REQUIRE(answer);
  CHECK(answer->body == big);
  REQUIRE(client.send(get("/hello")));
  CHECK(client.read_response()->status == 200);
}

TEST_CASE("http: an answer whose rest is shared arrives whole, also when it does not go in one piece", "[http]") {
  std::string text(4U << 20U, 'x');
  for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>('a' + i / 1000 % 26);
  const auto shared = std::make_shared<const std::string>(std::move(text));
  const auto little = std::make_shared<const std::string>("rest");
  HttpServer server({}, [&](http::Server& http) {
    http.route("/long", [&](const auto& exchange) { exchange->respond({.body = "start ", .rest = shared}); });
    http.route("/short", [&](const auto& exchange) { exchange->respond({.body = "start ", .rest = little}); });
  });
  RawClient client(server.port());
  REQUIRE(
      client.send(get("/long") + get("/short") + "HEAD /short HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/hello")));
  const auto longer = client.read_response();
  REQUIRE(longer);
  CHECK(longer->header("Content-Length") == std::to_string(6 + shared->size()));
  CHECK(longer->body == "start " + *shared);
  const auto shorter = client.read_response();
  REQUIRE(shorter);
  CHECK(shorter->body == "start rest");
  const auto head = client.read_response(kPatience, true);
  REQUIRE(head);
  CHECK(head->header("Content-Length") == "10");
  const auto after = client.read_response();
  REQUIRE(after);
  CHECK(after->body == R"({"hello":"world"})");
  REQUIRE(client.send(get("/short")));
  CHECK(client.read_response()->body == "start rest");
  server.call([](http::Server&) {});  // the answer has been written by then
  CHECK(little.use_count() == 1);
}

TEST_CASE("http: Expect: 100-continue is answered before the body is sent", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  CHECK(client.read_head()->status == 100);
  REQUIRE(client.send("hello"));
  CHECK(client.read_response()->body == "hello");

  REQUIRE(
      client.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  CHECK(client.read_response()->status == 404);
  CHECK(client.read_to_end().empty());
  CHECK(client.ended());
  CHECK(ask(server.port(), get("/hello", "Expect: a miracle\r\n"))->status == 417);
}

TEST_CASE("http: HEAD has the headers of GET and no body", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  REQUIRE(client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/hello")));
  const auto head = client.read_response(kPatience, true);
  REQUIRE(head);
  CHECK(head->header("Content-Length") == "17");
  CHECK(client.read_response()->body == R"({"hello":"world"})");
}

TEST_CASE("http: Connection: close and HTTP/1.0 end after the answer, unless HTTP/1.0 asks to keep it", "[http]") {
  HttpServer server;
  for (const std::string& request :
       {get("/hello", "Connection: close\r\n"), std::string("GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n")}) {
    RawClient client(server.port());
    REQUIRE(client.send(request));
    const auto answer = client.read_response();
    REQUIRE(answer);
    CHECK(answer->header("Connection") == "close");
    CHECK(client.read_to_end().empty());
    CHECK(client.ended());
  }
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(client.send("GET /hello HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"));
    CHECK(client.read_response()->header("Connection") == "keep-alive");
  }
}

TEST_CASE("http: a client that has said all it wants still gets its answer", "[http]") {
  HttpServer server;
  RawClient client(server.port());
  REQUIRE(client.send(get("/hello")));
  client.end_sending();
  CHECK(client.read_response()->body == R"({"hello":"world"})");
  CHECK(client.read_to_end().empty());
  CHECK(client.ended());
}

TEST_CASE("http: what was asked before the client said so is answered, and then the connection ends", "[http]") {
  // The handler is at work when the end arrives, or the answer has just been given.
  std::vector<Exchange> kept;
  std::atomic<std::size_t> begun = 0;
  std::atomic<int> gone = 0;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/work", [&](Exchange exchange) {
      exchange->on_gone([&] { ++gone; });
      kept.push_back(std::move(exchange));
      ++begun;
    });
  });
  RawClient client(server.port());
  REQUIRE(client.send(get("/work") + get("/work") + get("/hello") + "GET /half"));
  client.end_sending();
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(wait_until([&] { return begun == i + 1; }));
    if (i == 0) REQUIRE(wait_until([&] { return gone == 1; }));
    server.call([&](http::Server&) { kept.at(i)->respond({.body = "worked"}); });
    CHECK(client.read_response()->body == "worked");
  }
  CHECK(client.read_response()->status == 200);
  CHECK(client.read_to_end().empty());
  CHECK(client.ended());
  server.call([&](http::Server&) { kept.clear(); });
}

TEST_CASE("http: a handler that answers nobody, or throws, is a 500", "[http]") {
  std::vector<std::string> refused;
  http::Options options;
  options.on_refused = [&](const http::Refused& refusal) { refused.emplace_back(refusal.why); };
  HttpServer server(std::move(options), [](http::Server& http) {
    http.route("/forgets", [](const Exchange&) {});
    http.route("/throws", [](const Exchange&) { throw std::runtime_error("out of stories"); });
  });
  RawClient client(server.port());
  REQUIRE(client.send(get("/forgets") + get("/throws") + get("/hello")));
  CHECK(client.read_response()->status == 500);
  CHECK(client.read_response()->status == 500);
  CHECK(client.read_response()->status == 200);
  server.stop();
  CHECK(refused == std::vector<std::string>{"out of stories"});
}

TEST_CASE("http: who is gone before the answer is heard of, once", "[http]") {
  std::atomic<int> begun = 0;
  std::atomic<int> gone = 0;
  std::vector<Exchange> kept;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/work", [&](Exchange exchange) {
      exchange->on_gone([&] { ++gone; });
      kept.push_back(std::move(exchange));
      ++begun;
    });
  });
  {
    RawClient client(server.port());
    REQUIRE(client.send(get("/work")));
    REQUIRE(wait_until([&] { return begun == 1; }));
  }
  REQUIRE(wait_until([&] { return gone == 1; }));
  // An answer that comes too late does no harm, and one that was complete is not heard of.
  server.call([&](http::Server&) { kept.front()->respond({}); });
  {
    RawClient client(server.port());
    REQUIRE(client.send(get("/work")));
    REQUIRE(wait_until([&] { return begun == 2; }));
    server.call([&](http::Server&) { kept.back()->respond({}); });
    REQUIRE(client.read_response());
  }
  REQUIRE(wait_until([&] { return server.stats().connections == 0; }));
  CHECK(gone == 1);
  server.call([&](http::Server&) { kept.clear(); });
}

TEST_CASE("http: an exchange that is kept is not disturbed by the next request on its connection", "[http]") {
  std::vector<Exchange> kept;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/kept", [&](Exchange exchange) {
      exchange->respond({.body = exchange->request().query});
      kept.push_back(std::move(exchange));
    });
  });
  RawClient client(server.port());
  for (const char* query : {"one", "two", "three"}) {
    REQUIRE(client.send(get(std::string("/kept?") + query)));
    CHECK(client.read_response()->body == query);
  }
  client.close();
  REQUIRE(wait_until([&] { return server.stats().connections == 0; }));
  server.call([&](http::Server&) {
    CHECK(kept.at(0)->request().query == "one");
    CHECK(kept.at(2)->request().query == "three");
    CHECK(kept.at(2)->request().peer.starts_with("127.0.0.1:"));
    kept.clear();
  });
}

TEST_CASE("http: draining ends idle connections, and others after their answer", "[http]") {
  std::vector<Exchange> kept;
  std::atomic<int> begun = 0;
  std::atomic<bool> drained = false;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/work", [&](Exchange exchange) {
      kept.push_back(std::move(exchange));
      ++begun;
    });
  });
  RawClient idle(server.port());
  RawClient busy(server.port());
  REQUIRE(idle.send(get("/hello")));
  REQUIRE(idle.read_response());
  REQUIRE(busy.send(get("/work")));
  REQUIRE(wait_until([&] { return begun == 1; }));
  server.call([&](http::Server& http) { http.drain(std::chrono::minutes(1), [&] { drained = true; }); });
  CHECK(idle.read_to_end().empty());
  CHECK(idle.ended());
  CHECK_THROWS(RawClient(server.port()));
  CHECK_FALSE(drained);
  server.call([&](http::Server&) { kept.front()->respond({.body = "done"}); });
  const auto answer = busy.read_response();
  REQUIRE(answer);
  CHECK(answer->body == "done");
  CHECK(answer->header("Connection") == "close");
  busy.close();
  CHECK(wait_until([&] { return drained.load(); }));
  server.call([&](http::Server&) { kept.clear(); });
}

TEST_CASE("http: draining does not wait longer than its deadline", "[http]") {
  std::vector<Exchange> kept;
  std::atomic<int> begun = 0;
  std::atomic<bool> drained = false;
  HttpServer server({}, [&](http::Server& http) {
    http.route("/work", [&](Exchange exchange) {
      kept.push_back(std::move(exchange));
      ++begun;
    });
  });
  RawClient busy(server.port());
  REQUIRE(busy.send(get("/work")));
  REQUIRE(wait_until([&] { return begun == 1; }));
  server.call([&](http::Server& http) { http.drain(std::chrono::milliseconds(50), [&] { drained = true; }); });
  CHECK(wait_until([&] { return drained.load(); }));
  CHECK(busy.read_to_end().empty());
  CHECK(busy.ended());
  server.call([&](http::Server&) { kept.clear(); });
}

TEST_CASE("http: a port that is taken and an address that is none are named", "[http]") {
  HttpServer first;
  boost::asio::io_context io;
  auto second = http::Server::create(io, {});
  REQUIRE(second);
  const auto taken = (*second)->listen("127.0.0.1", first.port());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Errc::io);
  CHECK_THAT(taken.error().what, Contains("127.0.0.1:" + std::to_string(first.port())) && Contains("in use"));
  const auto name = (*second)->listen("localhost", 0);
  REQUIRE_FALSE(name);
  CHECK(name.error().code == Errc::usage);
}

TEST_CASE("http: a listening socket of a service manager is taken over, another descriptor is not", "[http]") {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  std::uint16_t port = 0;
  HttpServer server({}, [&](http::Server& http) {
    const auto early = http.listen_inherited(socket);
    REQUIRE_FALSE(early);
    CHECK(early.error().code == Errc::usage);
    CHECK_FALSE(http.listen_inherited(STDIN_FILENO));
    REQUIRE(::listen(socket, 16) == 0);
    const auto endpoint = http.listen_inherited(socket);
    REQUIRE(endpoint);
    CHECK(endpoint->address == "127.0.0.1");
    port = endpoint->port;
  });
  CHECK(ask(port, get("/hello"))->status == 200);
  CHECK(ask(server.port(), get("/hello"))->status == 200);
}

TEST_CASE("http: an endpoint is written as in a URL", "[http]") {
  http::Endpoint endpoint{"::1", 7777};
  CHECK(endpoint.text() == "[::1]:7777");
  endpoint.address = "127.0.0.1";
  CHECK(endpoint.text() == "127.0.0.1:7777");
}
