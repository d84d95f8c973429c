// The confirmation of a purge, in both eras, on a real log whose server's clock is moved by hand.

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <deque>
#include <mutex>

#include "replica/init.hpp"
#include "server/node.hpp"
#include "server/read_tools.hpp"
#include "server/write_tools.hpp"
#include "support/mcp_harness.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr std::string_view kYes = R"({"action":"accept","content":{"confirm":true}})";
constexpr std::chrono::seconds kAnswerTime{300};

/// The tools of a server, on a log of its own; other threads give their results back through run_posted().
class Served {
 public:
  Served() {
    REQUIRE(init({log_, key_, std::nullopt, "alice", std::nullopt}, host_));
    auto live = LiveLog::open({.path = log_});
    REQUIRE(live);
    live_ = *std::move(live);
    live_->catch_up();
    auto identity = Identity::load(key_);
    REQUIRE(identity);
    writer_.emplace(Writer::Options{log_, *std::move(identity), host_});
    confirmations_.emplace(*live_, mcp.scheduler);
    node_.emplace(Node{.live = *live_,
                       .writer = &*writer_,
                       .confirmations = &*confirmations_,
                       .workers = workers_,
                       .readers = workers_,
                       .host = host_,
                       .author = {}});
    node_->post = [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(work));
    };
    node_->follow = [this] {
      if (live_->catch_up().any()) mcp.server.changed();
    };
    node_->wrote = [](const auto&, const auto&, const auto&, const auto&) {};
    REQUIRE(add_read_tools(mcp.server, *node_));
    REQUIRE(add_write_tools(mcp.server, *node_));
    mcp.abilities = R"({"elicitation":{}})";
  }
  ~Served() {
    mcp.server.shut_down();
    writer_->stop();
  }

  void run_until(const std::function<bool()>& condition) {
    REQUIRE(wait_until([&] {
      run_posted();
      return condition();
    }));
  }
  /// The messages of a request that came, its response the last.
  std::string answer(const std::shared_ptr<testing::Outcome>& outcome) {
    run_until([&] { return outcome->response || outcome->finished; });
    return outcome->response ? outcome->body() : outcome->events.back();
  }
  std::string call(const std::string& tool, const std::string& arguments, const std::string& more = "") {
    return answer(mcp.modern_call(tool, arguments, more));
  }
  void new_story(const std::string& story) {
    const std::string made =
        call("put_story", fmt::format(R"({{"story_id":"{}","fields":{{}},"new":true,"again":true}})", story));
    REQUIRE(at(made, "result.structuredContent.created") == "true");
  }
  std::string status(const std::string& story) {
    return at(call("get_story", fmt::format(R"({{"story_id":"{}"}})", story)), "result.structuredContent.story.status");
  }
  /// A modern purge: asked, or with an answer to a question that was asked.
  std::string purge(const std::string& story, const std::string& state = "") {
    const std::string more =
        state.empty() ? "" : fmt::format(R"(,"inputResponses":{{"confirm":{}}},"requestState":{})", kYes, state);
    return call("purge_story", fmt::format(R"({{"story_id":"{}"}})", story), more);
  }

  McpHarness mcp;

 private:
  void run_posted() {
    std::deque<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex_);
      work.swap(posted_);
    }
    for (const auto& function : work) function();
  }

  test::TempDir folder_;
  std::filesystem::path log_ = folder_ / "pipeline.db";
  std::filesystem::path key_ = folder_ / "pipeline.db.key";
  Host host_{[] { return std::int64_t{1'800'000'000'000}; }, folder_ / "state", "alice"};
  std::mutex mutex_;
  std::deque<std::function<void()>> posted_;
  std::unique_ptr<LiveLog> live_;
  Workers workers_{1, 4};
  std::optional<Writer> writer_;
  std::optional<Confirmations> confirmations_;
  std::optional<Node> node_;
};

/// A legacy call of purge_story that waits for its user.
struct Asked {
  Asked(Served& served, std::string in_session, const std::string& story)
      : server(served), session(std::move(in_session)) {
    outcome = server.mcp.legacy(session, fmt::format(R"({{"jsonrpc":"2.0","id":"{}","method":"tools/call","params":)"
                                                     R"({{"name":"purge_story","arguments":{{"story_id":"{}"}}}}}})",
                                                     story, story));
    server.run_until([&] { return outcome->events.size() == 1; });
    CHECK(at(outcome->events[0], "params.message").find(story) != std::string::npos);
    id = at(outcome->events[0], "id");
  }
  void yes(const std::string& from = "") const {
    const auto sent = server.mcp.legacy(from.empty() ? session : from,
                                        fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, kYes));
    CHECK(sent->status() == 202);
  }
  [[nodiscard]] std::string purged() const {
    return at(server.answer(outcome), "result.structuredContent.stories.0.status");
  }

  Served& server;
  std::string session;
  std::shared_ptr<testing::Outcome> outcome;
  std::string id;
};

void check_refused(const std::string& answer, const std::string& why) {
  CHECK(at(answer, "error.code") == "-32602");
  CHECK(at(answer, "error.message").find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("confirmation, modern: it is good until its time is over", "[server]") {
  Served server;
  server.new_story("478_x");
  const std::string late = at(server.purge("478_x"), "result.requestState");
  server.mcp.scheduler.advance(std::chrono::seconds(1));
  const std::string in_time = at(server.purge("478_x"), "result.requestState");
  server.mcp.scheduler.advance(kAnswerTime - std::chrono::seconds(1));
  check_refused(server.purge("478_x", late), "expired");
  CHECK(server.status("478_x") == "\"live\"");
  CHECK(at(server.purge("478_x", in_time), "result.structuredContent.confirmed_by") == "\"elicitation\"");
  CHECK(server.status("478_x") == "\"purged\"");
}

TEST_CASE("confirmation, modern: replayed, it purges nothing that came since", "[server]") {
  Served server;
  server.new_story("478_x");
  const std::string state = at(server.purge("478_x"), "result.requestState");
  CHECK(at(server.purge("478_x", state), "result.structuredContent.stories.0.status") == "\"purged\"");
  check_refused(server.purge("478_x", state), "answered already");
  server.new_story("478_x");
  check_refused(server.purge("478_x", state), "answered already");
  CHECK(server.status("478_x") == "\"live\"");
}

TEST_CASE("confirmation, modern: one for another story is none", "[server]") {
  Served server;
  server.new_story("478_x");
  server.new_story("479_y");
  const std::string state = at(server.purge("478_x"), "result.requestState");
  check_refused(server.purge("479_y", state), "another call or other arguments");
  CHECK(server.status("479_y") == "\"live\"");
  CHECK(server.status("478_x") == "\"live\"");
}

TEST_CASE("confirmation, legacy: what comes after its time purges nothing", "[server]") {
  Served server;
  server.new_story("478_x");
  const Asked late(server, server.mcp.initialize("2025-11-25", R"({"elicitation":{}})"), "478_x");
  server.mcp.scheduler.advance(kAnswerTime - std::chrono::milliseconds(1));
  CHECK_FALSE(late.outcome->finished);
  server.mcp.scheduler.advance(std::chrono::milliseconds(1));
  CHECK(late.purged() == "\"would_purge\"");
  late.yes();
  CHECK(server.status("478_x") == "\"live\"");
}

TEST_CASE("confirmation, legacy: replayed, it purges nothing that came since", "[server]") {
  Served server;
  server.new_story("478_x");
  const Asked once(server, server.mcp.initialize("2025-06-18", R"({"elicitation":{}})"), "478_x");
  once.yes();
  CHECK(once.purged() == "\"purged\"");
  server.new_story("478_x");
  once.yes();
  const Asked again(server, once.session, "478_x");
  CHECK(again.id != once.id);
  once.yes();
  CHECK_FALSE(again.outcome->finished);
  CHECK(server.status("478_x") == "\"live\"");
  again.yes();
  CHECK(again.purged() == "\"purged\"");
}

TEST_CASE("confirmation, legacy: one for another story, or from another session, is none", "[server]") {
  Served server;
  server.new_story("478_x");
  server.new_story("479_y");
  const std::string session = server.mcp.initialize("2025-11-25", R"({"elicitation":{}})");
  const Asked one(server, session, "478_x");
  const Asked other(server, session, "479_y");
  CHECK(one.id != other.id);
  one.yes(server.mcp.initialize("2025-11-25", R"({"elicitation":{}})"));
  CHECK_FALSE(one.outcome->finished);
  one.yes();
  CHECK(one.purged() == "\"purged\"");
  one.yes();
  CHECK_FALSE(other.outcome->finished);
  CHECK(server.status("479_y") == "\"live\"");
  server.mcp.scheduler.advance(kAnswerTime);
  CHECK(other.purged() == "\"would_purge\"");
}
