#include "sync/reconcile.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

/// Beside sixteen times what the log has: an honest peer is shown each branch twice at most.
constexpr std::uint64_t kMostSteps = 65'536;
/// Of the ops behind one another that are read at a time: at first, and at most.
constexpr std::uint64_t kFirstStride = 16, kLongestStride = 4'096;

/// The newest of the bases, for an author with one branch; index 0 when there is none.
Result<OpIndex> newest_base(LogReader& log, const OpLinks& at, const std::vector<Tip>& bases) {
  OpIndex newest{};
  for (const Tip& base : bases) {
    MUSHER_TRY(const auto known, log.links(base.id));
    if (known && known->author == at.author && known->index < at.index) newest = std::max(newest, known->index);
  }
  return newest;
}

/// 1, 2, 4, 8 ... ops back from a tip, and its author's first. op_at: the one of the branch with an index.
template <class OpAt>
Result<Samples> samples_of(const OpId& tip, const OpLinks& at, const OpAt& op_at) {
  Samples samples{.tip = tip, .ops = {}};
  const auto add = [&](std::uint64_t index) -> Result<void> {
    MUSHER_TRY(const std::optional<OpId> id, op_at(index));
    if (id) samples.ops.push_back({at.author, OpIndex{index}, *id});
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

Result<std::optional<Samples>> WantedRows::add(LogReader& log, const Want::Branch& branch) {
  MUSHER_TRY(const auto at, log.links(branch.tip));
  if (!at || is_taken(at->row) || too_much_) return std::nullopt;
  MUSHER_TRY(const auto tips, log.tips_of(at->author));
  if (tips.size() > 1) return add_one_of_several(log, branch, *at);
  if (given_whole_.contains(at->author)) return std::nullopt;
  MUSHER_TRY(const OpIndex base, newest_base(log, *at, branch.bases));
  if (base == OpIndex{0} && !branch.bases.empty()) {
    return samples_of(branch.tip, *at, [&](std::uint64_t index) -> Result<std::optional<OpId>> {
      MUSHER_TRY(const auto ids, log.ops_at(at->author, OpIndex{index}));
      return ids.empty() ? std::nullopt : std::optional(ids.front());
    });
  }
  given_whole_.insert(at->author);
  MUSHER_TRY(const auto rows, log.author_rows(at->author, base, at->index));
  for (const RowId row : rows) take(row);
  return std::nullopt;
}

/// Down from the tip to what the peer has, or what is taken already: behind that are rows of both kinds only.
Result<std::optional<Samples>> WantedRows::add_one_of_several(LogReader& log, const Want::Branch& branch,
                                                              const OpLinks& at) {
  MUSHER_TRY(const RowId last, log.last_row());
  const std::uint64_t most = kMostSteps + 16 * static_cast<std::uint64_t>(raw(last));
  std::set<OpId> bases;
  for (const Tip& base : branch.bases) bases.insert(base.id);
  std::vector<RowId> rows{at.row};
  std::vector<OpId> ids;  // behind the tip, the nearest first
  bool at_what_it_has = false;
  OpId from = branch.tip;
  std::uint64_t index = raw(at.index), stride = kFirstStride;
  while (index > 1 && !at_what_it_has) {
    MUSHER_TRY(const auto behind, log.prev_ancestors(from, OpIndex{index > stride ? index - stride : 1}));
    if (behind.empty()) break;
    for (const OpId& id : behind) {
      if (++steps_ > most) {
        too_much_ = true;
        return std::nullopt;
      }
      MUSHER_TRY(const auto links, log.links(id));
      at_what_it_has = bases.contains(id) || !links || is_taken(links->row);
      if (at_what_it_has) break;
      rows.push_back(links->row);
      ids.push_back(id);
    }
    from = behind.back();
    index -= std::min<std::uint64_t>(index - 1, behind.size());
    stride = std::min(2 * stride, kLongestStride);
  }
  if (!at_what_it_has && !branch.bases.empty()) {
    return samples_of(branch.tip, at, [&](std::uint64_t wanted) -> Result<std::optional<OpId>> {
      const std::uint64_t back = raw(at.index) - wanted;
      return back == 0 || back > ids.size() ? std::nullopt : std::optional(ids[back - 1]);
    });
  }
  for (const RowId row : rows) take(row);
  return std::nullopt;
}

bool WantedRows::is_taken(RowId row) const {
  const auto number = static_cast<std::size_t>(raw(row));
  return number < taken_.size() && taken_[number];
}

void WantedRows::take(RowId row) {
  const auto number = static_cast<std::size_t>(raw(row));
  if (number >= taken_.size()) taken_.resize(number + number / 2 + 1);
  taken_[number] = true;
}

std::vector<RowId> WantedRows::rows() const {
  std::vector<RowId> rows;
  for (std::size_t number = 0; number < taken_.size(); ++number) {
    if (taken_[number]) rows.push_back(RowId{static_cast<std::int64_t>(number)});
  }
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
