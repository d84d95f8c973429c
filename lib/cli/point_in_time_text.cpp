#include "cli/point_in_time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "cli/date_and_time.hpp"
#include "cli/text_cursor.hpp"
#include "cli/time_text.hpp"
#include "model/escape.hpp"

namespace musher {
namespace {

constexpr std::int64_t kLastUnixSecond = 253402300799;  // 9999-12-31T23:59:59Z

constexpr std::string_view kPointHint =
    "a point in time is row:N, op:PREFIX, @UNIX, 2026-04-09T12:00:00Z (without a zone: local), -2h or \"2 hours ago\"";

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array kUnits = {Unit{"second", 1000}, Unit{"minute", 60'000}, Unit{"hour", 3'600'000},
                               Unit{"day", 86'400'000}, Unit{"week", 604'800'000}};

std::unexpected<Error> bad_point(std::string_view text, std::string_view why) {
  return fail(Errc::usage, fmt::format("{} is not a point in time: {}", quote(text), why), std::string(kPointHint));
}

Result<PointInTime> before_now(std::string_view text, std::int64_t now_ms, std::int64_t ago_ms) {
  std::int64_t ms = 0;
  if (__builtin_sub_overflow(now_ms, ago_ms, &ms)) return bad_point(text, "it is too long ago");
  return AtInstant{ms};
}

/// "2 hours ago". Nothing when the words are others.
std::optional<std::int64_t> read_ago(std::string_view text) {
  TextCursor at(text);
  const auto count = number_of(at.digits());
  if (!count || !at.take(" ")) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (!at.take(unit.name)) continue;
    at.take("s");
    if (at.rest() != " ago" || *count > std::numeric_limits<std::int64_t>::max() / unit.ms) return std::nullopt;
    return *count * unit.ms;
  }
  return std::nullopt;
}

Result<PointInTime> read_row(std::string_view text, std::string_view digits) {
  const auto row = number_of(digits);
  if (!row) return bad_point(text, "a row is a whole number");
  return AtRow{RowId{*row}};
}

Result<PointInTime> read_op(std::string_view text, std::string_view prefix) {
  if (prefix.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return bad_point(text, "an op id has hex digits only");
  }
  if (prefix.size() < 6) return bad_point(text, "a prefix of an op id has 6 or more hex digits");
  if (prefix.size() > 64) return bad_point(text, "an op id has 64 hex digits");
  std::string lower(prefix);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return AtOpPrefix{lower};
}

Result<PointInTime> read_unix(std::string_view text, std::string_view number) {
  TextCursor at(number);
  const auto seconds = number_of(at.digits());
  std::int64_t ms = 0;
  if (at.take(".")) {
    const std::string_view digits = at.digits();
    if (digits.empty()) return bad_point(text, "digits are missing after the point");
    ms = fraction_ms(digits);
  }
  if (!seconds || !at.at_end()) return bad_point(text, "after @ come seconds since 1970");
  if (*seconds > kLastUnixSecond)
    return bad_point(text, "it is past the year 9999; @ counts seconds, not milliseconds");
  return AtInstant{*seconds * 1000 + ms};
}

}  // namespace

Result<PointInTime> parse_point_in_time(std::string_view text, std::int64_t now_ms) {
  if (text.empty()) return bad_point(text, "it is empty");
  if (text == "now") return AtInstant{now_ms};
  TextCursor at(text);
  if (at.take("row:")) return read_row(text, at.rest());
  if (at.take("op:")) return read_op(text, at.rest());
  if (at.take("@")) return read_unix(text, at.rest());
  if (at.take("-")) {
    const auto ago = parse_duration(at.rest());
    if (!ago) return bad_point(text, ago.error().what);
    return before_now(text, now_ms, ago->count());
  }
  if (const auto ago = read_ago(text)) return before_now(text, now_ms, *ago);
  if (const auto date = read_date_and_time(text)) {
    const auto instant = instant_of(*date);
    if (!instant) return bad_point(text, instant.error());
    return AtInstant{*instant};
  }
  return bad_point(text, "none of the known forms");
}

std::string describe(const PointInTime& point, bool utc) {
  if (const auto* row = std::get_if<AtRow>(&point)) return fmt::format("row {}", raw(row->row));
  if (const auto* op = std::get_if<AtOpPrefix>(&point)) return "op " + op->prefix;
  return human_time(std::get<AtInstant>(point).ms, utc);
}

}  // namespace musher
