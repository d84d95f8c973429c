#include "audit/clock_check.hpp"

#include <fmt/format.h>

#include <limits>

#include "model/text.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

std::string count_text(std::uint64_t rows, RowId first) {
  return rows == 1 ? fmt::format("row {}", raw(first))
                   : fmt::format("{} rows, the first of them row {},", rows, raw(first));
}

}  // namespace

std::int64_t ms_ahead(std::int64_t claimed_ms, std::int64_t true_ms) {
  std::int64_t result = 0;
  if (!__builtin_sub_overflow(claimed_ms, true_ms, &result)) return result;
  return claimed_ms > true_ms ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

void ClockCheck::note(Ahead& ahead, const AuditedRow& row, std::int64_t claimed_ms, std::int64_t true_ms) {
  const std::int64_t by = ms_ahead(claimed_ms, true_ms);
  if (by <= kToleranceMs) return;
  if (ahead.rows++ == 0) {
    ahead.first = row.row();
    ahead.op = row.id;
  }
  if (by <= ahead.by_ms) return;
  ahead.by_ms = by;
  ahead.claimed_ms = claimed_ms;
}

void ClockCheck::row(const AuditedRow& row) {
  const std::int64_t received = row.stored.received_ms;
  if (ms_ahead(row.op().time_ms, received) > kToleranceMs) {
    note(authors_[tables_.ops[row.number].author], row, row.op().time_ms, received);
  }
  note(here_, row, received, now_ms_);
}

void ClockCheck::finish() {
  for (const auto& [author, ahead] : authors_) {
    findings_.add({.code = FindingCode::clock_ahead,
                   .row = ahead.first,
                   .op = ahead.op,
                   .found = to_utc(ahead.claimed_ms),
                   .message = fmt::format(
                       "{} of author {} {} to be written up to {} s after this node received it: that clock is ahead",
                       count_text(ahead.rows, ahead.first), to_hex(tables_.authors[author].key).substr(0, 12),
                       ahead.rows == 1 ? "claims" : "claim", ahead.by_ms / 1000)});
  }
  if (here_.rows == 0) return;
  findings_.add({.code = FindingCode::clock_ahead,
                 .row = here_.first,
                 .op = here_.op,
                 .found = to_utc(here_.claimed_ms),
                 .message = fmt::format(
                     "{} {} received up to {} s later than it is now: this machine's clock was ahead then, or is "
                     "behind now",
                     count_text(here_.rows, here_.first), here_.rows == 1 ? "was" : "were", here_.by_ms / 1000),
                 .hint = "timedatectl"});
}

}  // namespace musher
