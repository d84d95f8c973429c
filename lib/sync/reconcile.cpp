#include "sync/reconcile.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

/// The newest of the bases that `tip` descends from by prev; index 0 when there is none.
Result<OpIndex> newest_base(LogReader& log, const OpId& tip, const OpLinks& at, const std::vector<Tip>& bases,
                            bool branches) {
  OpIndex newest{};
  for (const Tip& base : bases) {
    MUSHER_TRY(const auto known, log.links(base.id));
    if (!known || known->author != at.author || known->index >= at.index || known->index <= newest) continue;
    if (branches) {
      MUSHER_TRY(const auto ancestors, log.prev_ancestors(tip, known->index));
      if (std::ranges::find(ancestors, base.id) == ancestors.end()) continue;
    }
    newest = known->index;
  }
  return newest;
}

/// The rows of `tip` and of what it descends from by prev, as far as its index is above `base`.
Result<std::vector<RowId>> branch_rows(LogReader& log, const OpId& tip, const OpLinks& at, OpIndex base,
                                       bool branches) {
  if (!branches) return log.author_rows(at.author, base, at.index);
  std::vector<RowId> rows{at.row};
  MUSHER_TRY(const auto ancestors, log.prev_ancestors(tip, next(base)));
  for (const OpId& id : ancestors) {
    MUSHER_TRY(const auto links, log.links(id));
    if (links && links->index > base) rows.push_back(links->row);
  }
  std::ranges::sort(rows);
  return rows;
}

Result<Samples> samples_of(LogReader& log, const OpId& tip, const OpLinks& at, bool branches) {
  Samples samples{.tip = tip, .ops = {}};
  std::vector<OpId> ancestors;  // nearest first
  if (branches) {
    MUSHER_TRY(ancestors, log.prev_ancestors(tip, OpIndex{1}));
  }
  const auto add = [&](std::uint64_t index) -> Result<void> {
    OpId id;
    if (branches) {
      const std::uint64_t back = raw(at.index) - index;
      if (back == 0 || back > ancestors.size()) return {};
      id = ancestors[back - 1];
    } else {
      MUSHER_TRY(const auto ids, log.ops_at(at.author, OpIndex{index}));
      if (ids.empty()) return {};
      id = ids.front();
    }
    samples.ops.push_back({at.author, OpIndex{index}, id});
    return {};
  };
  for (std::uint64_t back = 1; back < raw(at.index) && samples.ops.size() + 1 < kMaxSamples; back *= 2) {
    MUSHER_CHECK(add(raw(at.index) - back));
  }
  if (raw(at.index) > 1 && (samples.ops.empty() || samples.ops.back().index != OpIndex{1})) MUSHER_CHECK(add(1));
  return samples;
}

}  // namespace

Result<std::vector<Tips>> tips_of(LogReader& log) {
  // Tips never go away, they are replaced by later ones: what was read before the last row is at most too old, and what
  // is behind that row is sent anyway.
  MUSHER_TRY(const Mark mark, log.last_mark());
  MUSHER_TRY(const auto tips, log.tips());
  std::vector<Tips> messages;
  for (std::size_t at = 0; at == 0 || at < tips.size(); at += kMaxTips) {
    Tips& message = messages.emplace_back();
    message.upto = {mark.row, mark.chain};
    const std::size_t end = std::min(tips.size(), at + kMaxTips);
    message.tips.assign(tips.begin() + static_cast<std::ptrdiff_t>(at),
                        tips.begin() + static_cast<std::ptrdiff_t>(end));
    message.last = end == tips.size();
  }
  return messages;
}

Result<std::vector<Want::Branch>> lacking(LogReader& log, const std::vector<Tip>& tips) {
  std::vector<Want::Branch> branches;
  for (const Tip& tip : tips) {
    MUSHER_TRY(const auto known, log.facts(tip.id));
    if (known) continue;
    MUSHER_TRY(auto bases, log.tips_of(tip.author));
    std::ranges::sort(bases, std::ranges::greater{}, &Tip::index);
    if (bases.size() > kMaxBases) bases.resize(kMaxBases);
    branches.push_back({tip.id, std::move(bases)});
  }
  return branches;
}

Result<std::variant<std::vector<RowId>, Samples>> rows_of(LogReader& log, const Want::Branch& branch) {
  MUSHER_TRY(const auto at, log.links(branch.tip));
  if (!at) return std::vector<RowId>{};
  MUSHER_TRY(const auto tips, log.tips_of(at->author));
  const bool branches = tips.size() > 1;
  MUSHER_TRY(const OpIndex base, newest_base(log, branch.tip, *at, branch.bases, branches));
  if (base == OpIndex{0} && !branch.bases.empty()) {
    MUSHER_TRY(auto samples, samples_of(log, branch.tip, *at, branches));
    return samples;
  }
  MUSHER_TRY(auto rows, branch_rows(log, branch.tip, *at, base, branches));
  return rows;
}

Result<Want::Branch> nearest_base(LogReader& log, const Samples& samples) {
  Want::Branch branch{samples.tip, {}};
  for (const Tip& sample : samples.ops) {  // the nearest to the tip first
    MUSHER_TRY(const auto known, log.facts(sample.id));
    if (!known) continue;
    branch.bases.push_back(sample);
    break;
  }
  return branch;
}

}  // namespace musher::sync
