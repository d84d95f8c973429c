#include "replica/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kMinPrefix = 6;
constexpr std::size_t kMaxCandidates = 8;

Result<RowId> row_of(LogReader& log, const PointInTime& point) {
  if (const auto* at = std::get_if<AtInstant>(&point)) return log.row_at(at->ms);
  if (const auto* at = std::get_if<AtOpPrefix>(&point)) {
    MUSHER_TRY(const OpId id, find_op(log, at->prefix));
    MUSHER_TRY(const auto found, log.find(id));
    return std::visit([](const auto& row) { return row.row; }, *found);
  }
  const RowId row = std::get<AtRow>(point).row;
  MUSHER_TRY(const RowId last, log.last_row());
  if (row > last || raw(row) < 0) {
    return fail(Errc::usage,
                fmt::format("row:{} is not in {}: its last row is {}", raw(row), log.info().path, raw(last)),
                fmt::format("row:0 to row:{}", raw(last)));
  }
  return row;
}

}  // namespace

Result<ResolvedPoint> resolve(LogReader& log, const PointInTime& point) {
  MUSHER_TRY(const RowId row, row_of(log, point));
  ResolvedPoint resolved{row, std::nullopt};
  const RowId wanted[] = {row};
  MUSHER_TRY(const auto rows, log.rows(wanted));
  if (!rows.empty()) {
    if (const auto* op = std::get_if<OpRow>(&rows.front())) resolved.received_ms = op->received_ms;
  }
  return resolved;
}

Result<OpId> find_op(LogReader& log, const std::string& prefix) {
  const bool hex = std::ranges::all_of(prefix, [](unsigned char digit) { return std::isxdigit(digit) != 0; });
  if (!hex || prefix.size() < kMinPrefix || prefix.size() > 64) {
    return fail(Errc::usage, fmt::format("\"{}\" is no op id", prefix.substr(0, 80)),
                "an op id is 64 hex digits; any 6 or more of its first will do");
  }
  MUSHER_TRY(const auto ids, log.find_prefix(prefix, kMaxCandidates + 1));
  if (ids.size() == 1) return ids.front();
  if (ids.empty()) {
    return fail(Errc::not_found, fmt::format("no op begins with {} in {}", prefix, log.info().path),
                "musher inspect ops --log " + shell_word(log.info().path));
  }
  std::vector<std::string> candidates;
  for (const OpId& id : ids) candidates.push_back(to_hex(id.hash));
  if (candidates.size() > kMaxCandidates) candidates.resize(kMaxCandidates);
  return fail(Errc::ambiguous,
              fmt::format("{}{} ops begin with {}", ids.size() > kMaxCandidates ? "more than " : "",
                          std::min(ids.size(), kMaxCandidates), prefix),
              "give more digits", std::move(candidates));
}

}  // namespace musher
