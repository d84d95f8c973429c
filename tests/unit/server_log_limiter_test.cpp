// The log of a server that is refused at all day long.
#include "server/log_limiter.hpp"

#include <catch2/catch.hpp>

using namespace musher;
using namespace std::chrono_literals;

namespace {

struct Line {
  std::string event;
  LogFields fields;
};

struct Scene {
  std::vector<Line> lines;
  LogLimiter limiter{[this](LogLevel, std::string_view event, const LogFields& fields) {
    lines.push_back({std::string(event), fields});
  }};
  LogLimiter::Time now{1h};

  void refuse(int times, std::string_view event = "request refused") {
    for (; times > 0; --times) limiter.line(LogLevel::warning, event, {{"peer", "127.0.0.1:9"}}, now);
  }
  std::string left_out() const {
    return lines.back().event == "lines left out"
               ? lines.back().fields.at(0).second + ' ' + lines.back().fields.at(1).second
               : "";
  }
};

}  // namespace

TEST_CASE("log limiter: a hundred lines at once, then one a second, and how many were left out", "[server]") {
  Scene scene;
  scene.refuse(1'000);
  CHECK(scene.lines.size() == 100);
  scene.limiter.summarize(scene.now);
  CHECK(scene.lines.size() == 101);
  CHECK(scene.left_out() == "request refused 900");

  scene.now += 3500ms;
  scene.refuse(10);
  CHECK(scene.lines.size() == 104);
  scene.limiter.summarize(scene.now);  // not every moment
  CHECK(scene.lines.size() == 104);
  scene.now += 500ms;  // half a second was left of before
  scene.refuse(2);
  CHECK(scene.lines.size() == 105);
  scene.now += 6s;
  scene.limiter.summarize(scene.now);
  CHECK(scene.left_out() == "request refused 8");
  scene.now += 10s;
  scene.limiter.summarize(scene.now);
  CHECK(scene.lines.size() == 106);  // there was nothing to say
}

TEST_CASE("log limiter: one event does not use up the lines of another, nor a night those of the next day",
          "[server]") {
  Scene scene;
  scene.refuse(500);
  scene.refuse(50, "connection refused");
  CHECK(scene.lines.size() == 150);
  scene.now += 12h;
  scene.refuse(500);
  CHECK(scene.lines.size() == 250);
  scene.limiter.finish();
  CHECK(scene.lines.size() == 251);
  CHECK(scene.left_out() == "request refused 800");
}
