#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <optional>
#include <thread>

#include "mcp/asio_scheduler.hpp"
#include "mcp/call.hpp"
#include "mcp/stdio_link.hpp"
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
      mcp::AsioScheduler scheduler(io_);
      mcp::Server server({.name = "test", .version = "1"}, scheduler);
      (void)server.add(mcp::Tool{.name = "big", .description = "A long answer", .handler = [](const auto& call) {
                                   call->finish(
                                       mcp::ToolResult{.content = mcp::Content().text(std::string(300'000, 'x'))});
                                 }});
      (void)server.add(
          mcp::Tool{.name = "later", .description = "An answer after others", .handler = [&](const auto& call) {
                      scheduler.after(std::chrono::milliseconds(20), [call] { call->finish(mcp::ToolResult{}); });
                    }});
      (void)server.add(mcp::Tool{.name = "never", .description = "No answer", .handler = [&](const auto& call) {
                                   call->on_cancel([this, call] { cancelled_ = true; });
                                 }});
      std::optional<mcp::StdioLink> link;
      link.emplace(io_, server, http::Principal{.name = "login"}, in_[0], out_[1], [&](std::string_view why) {
        why_ = why;
        link->drain([&] { io_.stop(); });
      });
      io_.run();
      link.reset();
      ended_ = true;
      ::close(out_[1]);
    });
  }
  ~Piped() {
    close_input();
    close_output();
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
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  /// Why it ended; to be asked then.
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] int output() const { return out_[1]; }

 private:
  boost::asio::io_context io_{1};
  std::string why_;
  std::atomic<bool> cancelled_ = false;
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

TEST_CASE("mcp stdio link: long answers, out of order, and timers", "[mcp]") {
  Piped piped;
  piped.say(call("1", "later") + call("2", "big") + call("3", "big"));
  const std::string first = piped.hear();
  CHECK(first.size() > 300'000);
  CHECK(at(first, "id") == "2");
  CHECK(at(piped.hear(), "id") == "3");
  CHECK(at(piped.hear(), "id") == "1");
}

TEST_CASE("mcp stdio link: a reader that is slow holds nothing up but itself, and gets everything", "[mcp]") {
  Piped piped;
  constexpr int kCalls = 40;
  std::thread writer([&] {
    for (int i = 0; i < kCalls; ++i) piped.say(call(std::to_string(i), "big"));
  });
  for (int i = 0; i < kCalls; ++i) CHECK(at(piped.hear(), "id") == std::to_string(i));
  writer.join();
}

TEST_CASE("mcp stdio link: what was begun is answered after the end of input", "[mcp]") {
  Piped piped;
  piped.say(call("1", "big") + call("2", "later"));
  piped.close_input();
  CHECK(at(piped.hear(), "id") == "1");
  CHECK(at(piped.hear(), "id") == "2");
  CHECK(piped.hear().empty());
  CHECK(wait_until([&] { return piped.ended(); }));
  CHECK(piped.why() == "stdin ended");
}

TEST_CASE("mcp stdio link: ends at once when its reader is gone, whether or not it writes", "[mcp]") {
  Piped silent;
  silent.say(call("1", "never") + call("2", "later"));
  CHECK(at(silent.hear(), "id") == "2");
  silent.close_output();
  CHECK(wait_until([&] { return silent.ended(); }));
  CHECK(silent.cancelled());
  CHECK(silent.why() == "the reader of stdout is gone");

  Piped writing;
  writing.say(call("1", "big"));
  writing.close_output();
  CHECK(wait_until([&] { return writing.ended(); }));
}

TEST_CASE("mcp stdio link: descriptors that others share are left as they were", "[mcp]") {
  Piped piped;
  const int kept = ::fcntl(piped.output(), F_DUPFD_CLOEXEC, 0);
  piped.say(call("1", "later"));
  CHECK(at(piped.hear(), "id") == "1");
  CHECK((::fcntl(kept, F_GETFL) & O_NONBLOCK) != 0);  // or the next line proves nothing
  piped.close_input();
  CHECK(wait_until([&] { return piped.ended(); }));
  CHECK((::fcntl(kept, F_GETFL) & O_NONBLOCK) == 0);
  ::close(kept);
}
