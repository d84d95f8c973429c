#include <catch2/catch.hpp>

#include <sys/resource.h>

#include <chrono>
#include <memory>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

/// A byte of a request every turn, on every connection; a connection that was closed is opened again.
class SlowClients {
 public:
  SlowClients(std::uint16_t port, std::size_t count) : port_(port) {
    for (std::size_t i = 0; i < count; ++i) clients_.push_back(std::make_unique<RawClient>(port));
  }
  void take_turn() {
    for (auto& client : clients_) {
      if (!client->send(kRequest.substr(turn_ % kRequest.size(), 1))) {
        client = std::make_unique<RawClient>(port_);
        ++reopened_;
      }
    }
    ++turn_;
  }
  [[nodiscard]] std::size_t reopened() const { return reopened_; }

 private:
  static constexpr std::string_view kRequest = "POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Long: 0123456789abcdef";
  std::uint16_t port_;
  std::vector<std::unique_ptr<RawClient>> clients_;
  std::size_t turn_ = 0;
  std::size_t reopened_ = 0;
};

}  // namespace

TEST_CASE("http: 500 slow connections do not keep honest requests from being answered", "[http]") {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &files) == 0);

  // The limit of connections is passed as well: slow ones make room for honest ones.
  http::Options options;
  options.limits.connections = 505;
  options.limits.header_timeout = 500ms;
  HttpServer server(std::move(options));
  SlowClients slow(server.port(), 500);
  REQUIRE(wait_until([&] { return server.stats().connections == 500; }));
  std::uint64_t honest = 0;
  RawClient kept(server.port());
  while (slow.reopened() < 1000 || honest < 2000) {
    slow.take_turn();
    for (int i = 0; i < 20; ++i) {
      kept.send(get("/hello"));
      REQUIRE(kept.read_response(20s)->status == 200);
      REQUIRE(ask(server.port(), get("/hello"))->status == 200);
      honest += 2;
    }
  }
  const http::Stats stats = server.stats();
  CHECK(stats.requests == honest);
  CHECK(stats.connections <= 505);
}
