// musher's own client against servers whose answers are broken: HTTP, JSON and event streams.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "mcp/client.hpp"

using namespace musher;

namespace {

constexpr int kMutants = 6000;

std::string with_head(std::string_view type, const std::string& body, std::string_view more = "") {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{}Content-Length: {}\r\n\r\n{}", type, more, body.size(),
                     body);
}

std::string chunked(std::string_view type, const std::string& body) {
  const std::size_t half = body.size() / 2;
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: "
      "chunked\r\n\r\n{:x}\r\n{}\r\n{:x};a=b\r\n{}\r\n0\r\n\r\n",
      type, half, body.substr(0, half), body.size() - half, body.substr(half));
}

std::vector<std::string> good_answers() {
  const std::string result =
      R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"x"}],)"
      R"("structuredContent":{"schema":"musher.put/1","story_id":"478_x","ops":[{"rowid":"7"}]}}})";
  const std::string refusal =
      R"({"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no"}],)"
      R"("structuredContent":{"code":"not_found","message":"no story","hint":"look","candidates":["478_x"]}}})";
  const std::string question =
      R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"confirm":{"method":)"
      R"("elicitation/create","params":{"message":"Purge?","requestedSchema":{"type":"object","properties":)"
      R"({"confirm":{"type":"boolean"}}}}}},"requestState":"abc.def"}})";
  const std::string error = R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"a":[1,2]}}})";
  const std::string stream = fmt::format(
      ":\n\nevent: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{}}}}\n\nid: "
      "7\n"
      "event: message\ndata: {}\n\n",
      result);
  return {with_head("application/json", result),
          with_head("application/json", refusal),
          with_head("application/json", question),
          with_head("application/json", error),
          with_head("text/event-stream", stream, "Cache-Control: no-cache\r\n"),
          with_head("text/event-stream", "data: " + refusal + "\r\n\r\ndata:{}\n\n"),
          chunked("text/event-stream", stream),
          chunked("application/json", result),
          "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\n" + with_head("application/json", result)};
}

std::string mutated(std::mt19937& random, const std::vector<std::string>& corpus) {
  static const std::vector<std::string> kPieces{"\r\n",
                                                "\r\n\r\n",
                                                "\n\n",
                                                "data: ",
                                                "data:",
                                                "data",
                                                ":",
                                                "{",
                                                "}",
                                                "[",
                                                "]",
                                                "\"",
                                                "\\",
                                                "null",
                                                "1e999",
                                                "\"\\ud800\"",
                                                "\xff",
                                                "ffffffffffffffff\r\n",
                                                "Content-Length: 3\r\n",
                                                "Transfer-Encoding: chunked\r\n",
                                                "0\r\n\r\n",
                                                "HTTP/1.1 503 x\r\n",
                                                "\"error\":7,",
                                                "\"result\":{},"};
  const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
  std::string text = corpus[below(corpus.size())];
  for (std::size_t left = 1 + below(4); left > 0; --left) {
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0: text.insert(at, kPieces[below(kPieces.size())]); break;
      case 1: text.erase(at, 1 + below(12)); break;
      case 2: text.insert(at, text.substr(below(text.size() + 1), below(60))); break;
      case 3: text.resize(at); break;
      case 4: text.insert(at, std::string(1 + below(5000), static_cast<char>(below(256)))); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
    }
    if (text.empty()) text = "H";
  }
  return text;
}

/// Answers each connection with the next text that it was given, and closes it.
class BrokenServer {
 public:
  BrokenServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  BrokenServer(const BrokenServer&) = delete;
  BrokenServer& operator=(const BrokenServer&) = delete;
  ~BrokenServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  /// To every connection from now on.
  void say(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  [[nodiscard]] http::ServerUrl url() const {
    return http::parse_server_url(fmt::format("http://127.0.0.1:{}", port_)).value();
  }

 private:
  void run() {
    for (int client = 0; (client = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(client)) {
      std::string asked;
      std::array<char, 4096> buffer{};
      while (!asked.ends_with("}}")) {  // the request's body ends so
        const ssize_t count = ::recv(client, buffer.data(), buffer.size(), 0);
        if (count <= 0) break;
        asked.append(buffer.data(), static_cast<std::size_t>(count));
      }
      const std::string answer = [&] {
        const std::lock_guard lock(mutex_);
        return text_;
      }();
      static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
      ::shutdown(client, SHUT_WR);
    }
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string text_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("mcp client: whatever a server answers is a reply or an error that says what to do", "[mcp]") {
  const char* const given = std::getenv("MUSHER_FUZZ_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 20261129U;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto corpus = good_answers();
  BrokenServer server;
  mcp::Client client(http::Client(server.url()), "1");
  std::map<std::string, int> outcomes;
  int questions = 0;
  for (int i = 0; i < kMutants; ++i) {
    const bool broken = i >= static_cast<int>(corpus.size());
    server.say(broken ? mutated(random, corpus) : corpus[static_cast<std::size_t>(i)]);
    const auto reply = client.call_tool("put_story", R"({"story_id":"478_x","fields":{}})", http::Effect::writes,
                                        [&](std::string_view) {
                                          ++questions;
                                          return true;
                                        });
    ++outcomes[reply ? "reply" : std::string(to_string(reply.error().code))];
    if (reply) {
      // What is no document is not taken for one by who reads it.
      static_cast<void>(reply->structured["story_id"].string());
    } else {
      REQUIRE_FALSE(reply.error().what.empty());
    }
  }
  CHECK(questions > 0);
  for (const std::string outcome : {"reply", "not_found", "refused", "io"}) {
    INFO(outcome);
    CHECK(outcomes[outcome] > 0);
  }
  CHECK(outcomes["busy"] < kMutants / 10);  // nothing waits for what does not come
}
