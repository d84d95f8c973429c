#include "audit/salvage_scan.hpp"

#include <limits>
#include <optional>

namespace musher {
namespace {

constexpr RowId kUnknown{std::numeric_limits<std::int64_t>::max()};

RowId before(RowId row) { return RowId{raw(row) - 1}; }

/// The first row at or after `from` that can be read from there.
std::optional<RowId> probe(LogReader& log, RowId from, RowId upto) {
  std::optional<RowId> found;
  static_cast<void>(log.scan(before(from), upto, [&](ScannedRow&& scanned) {
    const RowId row = std::visit([](const auto& either) { return either.row; }, scanned);
    if (row >= from) found = row;
    return false;
  }));
  return found;
}

/// Where reading works again: in steps that double, then halved back. Between several damaged parts it may miss a few
/// rows.
std::optional<RowId> first_readable(LogReader& log, RowId from, RowId upto) {
  std::int64_t fails = raw(from) - 1;
  std::int64_t works = raw(from);
  std::optional<RowId> found = probe(log, from, upto);
  for (std::int64_t step = 1; !found; step *= 2) {
    if (works > raw(upto) - step) return std::nullopt;
    fails = works;
    works += step;
    found = probe(log, RowId{works}, upto);
  }
  while (works - fails > 1) {
    const std::int64_t middle = fails + (works - fails) / 2;
    if (const auto earlier = probe(log, RowId{middle}, upto)) {
      works = middle;
      found = earlier;
    } else {
      fails = middle;
    }
  }
  return found;
}

}  // namespace

Result<void> salvage_scan(LogReader& log, RowId upto, RowGate& gate,
                          const std::function<Result<void>(RowId after)>& scan,
                          const std::function<void(RowId first, RowId last)>& unreadable) {
  while (gate.last() < upto) {
    const RowId began = gate.last();
    const auto scanned = scan(began);
    if (gate.stopped()) return {};
    if (!scanned && scanned.error().code != Errc::damaged) return scanned;
    if (gate.last() >= upto || (scanned && upto == kUnknown)) return {};
    const RowId missed = next(gate.last());
    const auto readable = first_readable(log, missed, upto);
    if (!readable) {
      unreadable(missed, upto == kUnknown ? missed : upto);
      gate.skip_to(upto);
    } else if (*readable > missed) {
      unreadable(missed, before(*readable));
      gate.skip_to(before(*readable));
    } else if (gate.last() == began) {  // it can be read alone and not in a scan
      unreadable(missed, missed);
      gate.skip_to(missed);
    }
  }
  return {};
}

}  // namespace musher
