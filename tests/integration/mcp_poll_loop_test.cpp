#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "mcp/call.hpp"
#include "mcp/poll_loop.hpp"
#include "support/mcp_harness.hpp"
#include "support/wait_until.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

/// A server on pipes in a thread of its own, and the client's ends.
class Piped {
 public:
  Piped() {
    std::signal(SIGPIPE, SIG_IGN);
    REQUIRE(::pipe2(in_.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out_.data(), O_CLOEXEC) == 0);
    thread_ = std::thread([this] {
      mcp::Server server({.name = "test", .version = "1"}, loop_);
      (void)server.add(mcp::Tool{.name = "big", .description = "A long answer", .handler = [](const auto& call) {
                                   call->finish(
                                       mcp::ToolResult{.content = mcp::Content().text(std::string(300'000, 'x'))});
                                 }});
      (void)server.add(
          mcp::Tool{.name = "later", .description = "An answer after others", .handler = [this](const auto& call) {
                      loop_.after(std::chrono::milliseconds(20), [call] { call->finish(mcp::ToolResult{}); });
                    }});
      (void)loop_.serve(server, {.name = "login"}, in_[0], out_[1]);
      ended_ = true;
      ::close(out_[1]);
    });
  }
  ~Piped() {
    close_input();
    close_output();
    loop_.stop();
    thread_.join();
    ::close(in_[0]);
  }
  void say(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t count = ::write(in_[1], rest.data(), rest.size());
      REQUIRE(count > 0);
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// The next line; empty at the end.
  std::string hear() {
    for (;;) {
      if (const std::size_t end = heard_.find('\n'); end != std::string::npos) {
        const std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
      }
      pollfd readable{out_[0], POLLIN, 0};
      REQUIRE(::poll(&readable, 1, 60'000) == 1);
      std::array<char, 65536> buffer{};
      const ssize_t count = ::read(out_[0], buffer.data(), buffer.size());
      if (count <= 0) return "";
      heard_.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  void close_input() {
    if (in_[1] >= 0) ::close(std::exchange(in_[1], -1));
  }
  void close_output() {
    if (out_[0] >= 0) ::close(std::exchange(out_[0], -1));
  }
  [[nodiscard]] bool ended() const { return ended_; }
  void stop() { loop_.stop(); }

 private:
  mcp::PollLoop loop_;
  std::array<int, 2> in_{}, out_{};
  std::string heard_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

std::string call(const std::string& id, const std::string& tool) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":")" + tool + "\"," +
         modern_meta() + "}}\n";
}

}  // namespace

TEST_CASE("mcp poll loop: long answers, out of order, and timers", "[mcp]") {
  Piped piped;
  piped.say(call("1", "later") + call("2", "big") + call("3", "big"));
  const std::string first = piped.hear();
  CHECK(first.size() > 300'000);
  CHECK(at(first, "id") == "2");
  CHECK(at(piped.hear(), "id") == "3");
  CHECK(at(piped.hear(), "id") == "1");
}

TEST_CASE("mcp poll loop: a reader that is slow holds nothing up but itself, and gets everything", "[mcp]") {
  Piped piped;
  constexpr int kCalls = 40;
  std::thread writer([&] {
    for (int i = 0; i < kCalls; ++i) piped.say(call(std::to_string(i), "big"));
  });
  for (int i = 0; i < kCalls; ++i) CHECK(at(piped.hear(), "id") == std::to_string(i));
  writer.join();
}

TEST_CASE("mcp poll loop: ends at the end of input, with what it has answered", "[mcp]") {
  Piped piped;
  piped.say(call("1", "big") + call("2", "later"));
  piped.close_input();
  CHECK(at(piped.hear(), "id") == "1");
  CHECK(piped.hear().empty());
  CHECK(wait_until([&] { return piped.ended(); }));
}

TEST_CASE("mcp poll loop: ends when its reader is gone, and when it is told to", "[mcp]") {
  Piped gone;
  gone.close_output();
  gone.say(call("1", "big"));
  CHECK(wait_until([&] { return gone.ended(); }));

  Piped told;
  told.say(call("1", "later"));
  CHECK(at(told.hear(), "id") == "1");
  told.stop();
  CHECK(wait_until([&] { return told.ended(); }));
}
