#include "audit/naive_replay.hpp"

#include <algorithm>
#include <span>

namespace musher {
namespace {

constexpr std::size_t kRowsAtOnce = 1000;

struct Turn {
  Seq seq{};
  RowId row{};
  auto operator<=>(const Turn&) const = default;
};

Result<std::vector<Turn>> turns(LogReader& log, RowId upto, NaiveReplay& naive) {
  std::vector<Turn> order;
  MUSHER_CHECK(log.scan(RowId{0}, upto, [&](ScannedRow&& row) {
    ++naive.counts.read;
    if (const auto* op = std::get_if<OpRow>(&row))
      order.push_back({op->op.op.seq, op->row});
    else
      naive.dropped.push_back(*failure_of(CheckedRow{std::move(row), {}, {}, false}));
    return true;
  }));
  std::ranges::sort(order);
  return order;
}

Result<void> apply(const LiveDocument& right, OpRow&& row, NaiveReplay& naive) {
  const bool effective = right.trust().effective(row.id, row.op.op);
  const bool eraser = right.trust().is_eraser(row.op.op.author);
  MUSHER_TRY(const Applied outcome, naive.document.apply({row.id, row.op.op, row.op.content, effective, eraser}));
  if (outcome == Applied::target_missing)
    naive.dropped.push_back({row.row, std::move(row), "target_missing", ""});
  else
    ++naive.counts.applied;
  return {};
}

}  // namespace

Result<NaiveReplay> naive_replay(LogReader& log, const LiveDocument& right, RowId upto) {
  NaiveReplay naive{Document(right.index()), {}, {}};
  MUSHER_TRY(const auto order, turns(log, upto, naive));
  std::vector<RowId> wanted;
  for (std::span<const Turn> left(order); !left.empty(); left = left.subspan(wanted.size())) {
    wanted.clear();
    for (const Turn& turn : left.first(std::min(left.size(), kRowsAtOnce))) wanted.push_back(turn.row);
    MUSHER_TRY(auto rows, log.rows(wanted));
    for (ScannedRow& row : rows) {
      if (auto* op = std::get_if<OpRow>(&row)) MUSHER_CHECK(apply(right, std::move(*op), naive));
    }
  }
  naive.counts.failed = naive.dropped.size();
  return naive;
}

}  // namespace musher
