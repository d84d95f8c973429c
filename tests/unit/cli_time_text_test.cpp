#include <stdlib.h>
#include <time.h>
#include <catch2/catch.hpp>

#include <limits>

#include "cli/point_in_time_text.hpp"
#include "cli/time_text.hpp"

using namespace musher;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kNow = 1'775'736'000'000;  // 2026-04-09T12:00:00Z

/// Local time is that of a zone for as long as this lives.
class Zone {
 public:
  explicit Zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    unsetenv("TZ");
    tzset();
  }
};
// Central European Time with its rules written out: no zone files are needed.
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

std::int64_t instant(const std::string& text) {
  const auto point = parse_point_in_time(text, kNow);
  INFO(text << ": " << (point ? "" : point.error().what));
  REQUIRE(point);
  REQUIRE(std::holds_alternative<AtInstant>(*point));
  return std::get<AtInstant>(*point).ms;
}

std::string refused(const std::string& text) {
  const auto point = parse_point_in_time(text, kNow);
  INFO(text);
  REQUIRE_FALSE(point);
  CHECK(point.error().code == Errc::usage);
  CHECK(point.error().hint.find("row:N") != std::string::npos);
  return point.error().what;
}

}  // namespace

TEST_CASE("duration: a whole number and a unit", "[cli]") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("10m") == 10min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("14d") == 336h);
  CHECK(parse_duration("0s") == 0ms);
}

TEST_CASE("duration: anything else is refused, and the reason named", "[cli]") {
  const std::pair<const char*, const char*> bad[] = {
      {"", "it does not begin with a whole number"},
      {"-5s", "it does not begin with a whole number"},
      {"5", "it has no unit"},
      {"5parsecs", "its unit is not ms, s, m, h or d"},
      {"1.5h", "its unit is not ms, s, m, h or d"},
      {"5 s", "its unit is not ms, s, m, h or d"},
      {"99999999999999999999d", "it is too long"},
      {"106751991168d", "it is too long"},
  };
  for (const auto& [text, why] : bad) {
    const auto result = parse_duration(text);
    INFO(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::usage);
    CHECK(result.error().what == "'" + std::string(text) + "' is not a duration: " + why);
  }
}

TEST_CASE("duration: for people in one or two units", "[cli]") {
  CHECK(human_duration(340ms) == "340 ms");
  CHECK(human_duration(5s) == "5 s");
  CHECK(human_duration(200s) == "3 min 20 s");
  CHECK(human_duration(2h + 5min) == "2 h 5 min");
  CHECK(human_duration(339h) == "14 d 3 h");
  CHECK(human_duration(2h) == "2 h");
}

TEST_CASE("time for people: local with its offset, or UTC", "[cli]") {
  const Zone zone(kBerlin);
  CHECK(human_time(kNow, true) == "2026-04-09 12:00:00 UTC");
  CHECK(human_time(kNow, false) == "2026-04-09 14:00:00 +02:00");
  CHECK(human_time(-1, true) == "1969-12-31 23:59:59 UTC");
  CHECK(human_time(-1, false) == "1970-01-01 00:59:59 +01:00");
}

TEST_CASE("time for people: an offset west of Greenwich, with minutes", "[cli]") {
  const Zone zone("NST3:30");
  CHECK(human_time(kNow, false) == "2026-04-09 08:30:00 -03:30");
}

TEST_CASE("time for people: any claim of an author can be shown", "[cli]") {
  for (const std::int64_t ms : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    CHECK_FALSE(human_time(ms, true).empty());
    CHECK_FALSE(human_time(ms, false).empty());
  }
}

TEST_CASE("point in time: rows and ops", "[cli]") {
  CHECK(parse_point_in_time("row:7", kNow) == PointInTime(AtRow{RowId{7}}));
  CHECK(parse_point_in_time("op:0A1b2c", kNow) == PointInTime(AtOpPrefix{"0a1b2c"}));
  CHECK(parse_point_in_time("row:0", kNow) == PointInTime(AtRow{RowId{0}}));  // before every op
  for (const char* text : {"row:", "row:-1", "row:x", "row:1x", "row:9223372036854775808"}) {
    CHECK(refused(text).ends_with("a row is a whole number"));
  }
  CHECK(refused("op:0a1b2").ends_with("a prefix of an op id has 6 or more hex digits"));
  CHECK(refused("op:xyzxyz").ends_with("an op id has hex digits only"));
  CHECK(refused("op:" + std::string(65, 'a')).ends_with("an op id has 64 hex digits"));
}

TEST_CASE("point in time: seconds since 1970", "[cli]") {
  CHECK(instant("@1775736000") == kNow);
  CHECK(instant("@1775736000.25") == kNow + 250);
  CHECK(instant("@0.0019") == 1);
  CHECK(refused("@1775736000000").ends_with("@ counts seconds, not milliseconds"));
  for (const char* text : {"@", "@x", "@-1", "@1.5s"})
    CHECK(refused(text).ends_with("after @ come seconds since 1970"));
}

TEST_CASE("point in time: RFC 3339 with its zone", "[cli]") {
  const Zone zone(kBerlin);
  CHECK(instant("2026-04-09T12:00:00Z") == kNow);
  CHECK(instant("2026-04-09t12:00:00.250z") == kNow + 250);
  CHECK(instant("2026-04-09T14:00:00+02:00") == kNow);
  CHECK(instant("2026-04-09T08:30:00-03:30") == kNow);
  CHECK(instant("2026-04-09 12:00 UTC") == kNow);
  CHECK(instant("2016-12-31T23:59:60Z") == 1'483'228'800'000);
}

TEST_CASE("point in time: without a zone it is local, and what people are shown can be pasted back", "[cli]") {
  const Zone zone(kBerlin);
  CHECK(instant("2026-04-09T14:00:00") == kNow);
  CHECK(instant("2026-04-09 14:00") == kNow);
  CHECK(instant("2026-04-09") == kNow - 14 * 3'600'000);
  CHECK(instant(human_time(kNow, false)) == kNow);
  CHECK(instant(human_time(kNow, true)) == kNow);
}

TEST_CASE("point in time: a local time that the clocks skip or show twice is refused", "[cli]") {
  const Zone zone(kBerlin);
  CHECK(refused("2026-03-29T02:30:00").find("the local clocks skip this time") != std::string::npos);
  CHECK(refused("2026-10-25T02:30:00").find("the local clocks show this time twice") != std::string::npos);
  CHECK(instant("2026-10-25T02:30:00+01:00") - instant("2026-10-25T02:30:00+02:00") == 3'600'000);
  CHECK(instant("2026-03-29T03:00:00") == instant("2026-03-29T01:00:00Z"));
}

TEST_CASE("point in time: impossible dates and times are refused", "[cli]") {
  CHECK(refused("2026-02-29").ends_with("there is no such day"));
  CHECK(refused("2026-13-01").ends_with("there is no such day"));
  CHECK(refused("2026-04-09T24:00:00Z").ends_with("there is no such time of day"));
  CHECK(refused("2026-04-09T12:60:00Z").ends_with("there is no such time of day"));
}

TEST_CASE("point in time: before now", "[cli]") {
  CHECK(instant("now") == kNow);
  CHECK(instant("-2h") == kNow - 7'200'000);
  CHECK(instant("2 hours ago") == kNow - 7'200'000);
  CHECK(instant("1 day ago") == kNow - 86'400'000);
  CHECK(instant("90 seconds ago") == kNow - 90'000);
  CHECK(refused("-2").find("it has no unit") != std::string::npos);
}

TEST_CASE("point in time: everything else is refused", "[cli]") {
  for (const char* text :
       {"yesterday", "7", "2026", "2026-04-09T", "2026-04-09T12", "2026-04-09T12:00:00X", "2026-04-09T12:00:00+0200",
        "2026-04-09T12:00:00.Z", "2 hours", "2 fortnights ago", "99999999999999999 weeks ago", "row7", "+2026-04-09"}) {
    CHECK(refused(text).starts_with("'" + std::string(text) + "' is not a "));
  }
  CHECK(refused("").ends_with("it is empty"));
  CHECK(refused(std::string(1024 * 1024, '9')).size() < 300);
}

TEST_CASE("point in time: described for people", "[cli]") {
  CHECK(describe(AtRow{RowId{7}}, true) == "row 7");
  CHECK(describe(AtOpPrefix{"0a1b2c"}, true) == "op 0a1b2c");
  CHECK(describe(AtInstant{kNow}, true) == "2026-04-09 12:00:00 UTC");
}
