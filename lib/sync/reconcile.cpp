#include "sync/reconcile.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

/// Beside sixteen times what the log has: an honest peer is shown each branch twice at most.
constexpr std::uint64_t kMostSteps = 65'536;
/// Of the ops behind one another that are read at a time: at first, and at most.
constexpr std::uint64_t kFirstStride = 16, kLongestStride = 4'096;
constexpr std::size_t kRowsAStep = 16;
constexpr std::uint64_t kHopsAStep = 256;      ///< from a walk to the one that it goes on with: in memory
constexpr std::uint64_t kRowsAtOnce = 65'536;  ///< of an author with one branch
/// In the place of a walk's number.
constexpr std::uint32_t kTaken = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kFirstWalk = 1;

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

Result<std::vector<Want::Branch>> lacking(LogReader& log, std::span<const Tip> tips) {
  std::vector<Want::Branch> branches;
  std::map<AuthorId, std::vector<Tip>> bases;  // an author may have many, and be named again and again
  for (const Tip& tip : tips) {
    MUSHER_TRY(const auto known, log.facts(tip.id));
    if (known) continue;
    const auto [of_author, first] = bases.try_emplace(tip.author);
    if (first) {
      MUSHER_TRY(auto all, log.tips_of(tip.author));
      std::ranges::sort(all, std::ranges::greater{}, &Tip::index);
      if (all.size() > kMaxBases) all.resize(kMaxBases);
      of_author->second = std::move(all);
    }
    branches.push_back({tip.id, of_author->second});
  }
  return branches;
}

Result<std::optional<Samples>> WantedRows::add(LogReader& log, const Want::Branch& branch) {
  if (!goes_on()) return begin(log, branch);
  if (down_) return go_down(log, branch.tip);
  MUSHER_CHECK(go_through_range(log));
  return std::nullopt;
}

Result<std::optional<Samples>> WantedRows::begin(LogReader& log, const Want::Branch& branch) {
  spend(1 + branch.bases.size());
  MUSHER_TRY(const auto at, log.links(branch.tip));
  if (!at || seen_[at->row] == kTaken) return std::nullopt;
  MUSHER_TRY(const bool goes_on, step(log));
  if (!goes_on) return std::nullopt;
  const auto [several, first] = has_several_.try_emplace(at->author);
  if (first) {
    MUSHER_TRY(const auto tips, log.tips_of(at->author));
    several->second = tips.size() > 1;
    spend(tips.size());
  }
  if (several->second) {
    Down& down = down_.emplace(Down{.at = *at});
    for (const Tip& base : branch.bases) down.bases.insert(base.id);
    down.barren_before = barren_[at->author].bases == down.bases;
    down.walk.tip = at->index;
    down.from = branch.tip;
    down.index = raw(at->index);
    down.stride = kFirstStride;
    down.ended = visit(branch.tip, at);
    return go_down(log, branch.tip);
  }
  if (given_whole_.contains(at->author)) return std::nullopt;
  MUSHER_TRY(const OpIndex base, newest_base(log, *at, branch.bases));
  if (base == OpIndex{0} && !branch.bases.empty()) {
    MUSHER_TRY(auto samples, samples_of(branch.tip, *at, [&](std::uint64_t index) -> Result<std::optional<OpId>> {
                 MUSHER_TRY(const auto ids, log.ops_at(at->author, OpIndex{index}));
                 return ids.empty() ? std::nullopt : std::optional(ids.front());
               }));
    spend(samples.ops.size());
    return samples;
  }
  given_whole_.insert(at->author);
  range_ = Range{at->author, base, at->index};
  MUSHER_CHECK(go_through_range(log));
  return std::nullopt;
}

Result<void> WantedRows::go_through_range(LogReader& log) {
  while (range_ && !is_spent()) {
    const OpIndex upto{std::min(raw(range_->upto), raw(range_->after) + kRowsAtOnce)};
    MUSHER_TRY(const auto rows, log.author_rows(range_->author, range_->after, upto));
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    steps_ += rows.size() / kRowsAStep;  // they are read one behind the other
    spend(1 + rows.size() / kRowsAStep);
    range_->after = upto;
    if (upto == range_->upto) range_.reset();
  }
  return {};
}

/// Whether the walk ends at this op; else it goes on behind it.
bool WantedRows::visit(const OpId& id, const std::optional<OpLinks>& links) {
  Down& down = *down_;
  if (!links || down.bases.contains(id)) return true;
  const std::uint32_t seen = seen_[links->row];
  if (seen == kTaken) return down.at_taken = true;
  if (down.barren_before && seen >= std::max(barren_[down.at.author].first, kFirstWalk)) {
    down.walk.goes_on = seen;
    return true;
  }
  down.rows.push_back(links->row);
  down.walk.ids.push_back(id);
  return false;
}

/// Down from the tip to what the peer has, or what is taken already: behind that are rows of both kinds only. Or to
/// where another branch was found to have none of the bases. What is in front of a row that is taken the peer may have,
/// unless that row is the next: it is asked once.
Result<std::optional<Samples>> WantedRows::go_down(LogReader& log, const OpId& tip) {
  Down& down = *down_;
  while (!down.ended && down.index > 1) {
    if (is_spent()) return std::nullopt;
    MUSHER_TRY(const auto behind,
               log.prev_ancestors(down.from, OpIndex{down.index > down.stride ? down.index - down.stride : 1}));
    if (behind.empty()) break;
    spend(behind.size());
    for (const OpId& id : behind) {
      MUSHER_TRY(const bool goes_on, step(log));
      if (!goes_on) {
        down_.reset();
        return std::nullopt;
      }
      MUSHER_TRY(const auto links, log.links(id));
      if ((down.ended = visit(id, links))) break;
    }
    down.from = behind.back();
    down.index -= std::min<std::uint64_t>(down.index - 1, behind.size());
    down.stride = std::min(2 * down.stride, kLongestStride);
  }
  Down done = *std::exchange(down_, std::nullopt);
  const bool at_base =
      done.ended && !done.walk.goes_on && !(done.at_taken && done.rows.size() > 1 && !sampled_.contains(tip));
  if (!done.bases.empty() && !at_base) return samples_at(tip, std::move(done));
  rows_.insert(rows_.end(), done.rows.begin(), done.rows.end());
  for (const RowId row : done.rows) seen_.set(row, kTaken);
  return std::nullopt;
}

Result<std::optional<Samples>> WantedRows::samples_at(const OpId& tip, Down down) {
  sampled_.insert(tip);
  Barren& barren = barren_[down.at.author];
  if (!down.barren_before) {
    const auto first = static_cast<std::uint32_t>(barren.first + barren.walks.size());
    barren = {.bases = std::move(down.bases), .first = std::max(first, kFirstWalk), .walks = {}};
  }
  const auto walk = static_cast<std::uint32_t>(barren.first + barren.walks.size());
  for (const RowId row : down.rows) seen_.set(row, walk);
  barren.walks.push_back(std::move(down.walk));
  std::uint64_t hops = 0;
  auto samples = samples_of(tip, down.at, [&](std::uint64_t wanted) -> Result<std::optional<OpId>> {
    return barren.op_at(walk, wanted, hops);
  });
  spend(hops / kHopsAStep);
  return samples;
}

/// @return false: it is too much.
Result<bool> WantedRows::step(LogReader& log) {
  if (!is_limited_) return true;
  if (most_steps_ == 0) {
    MUSHER_TRY(const RowId last, log.last_row());
    most_steps_ = kMostSteps + 16 * static_cast<std::uint64_t>(raw(last));
  }
  too_much_ |= ++steps_ > most_steps_;
  return !too_much_;
}

std::optional<OpId> WantedRows::Barren::op_at(std::uint32_t walk, std::uint64_t index, std::uint64_t& hops) const {
  for (std::optional<std::uint32_t> at = walk; at; ++hops) {
    const Walk& here = walks[*at - first];
    const std::uint64_t back = raw(here.tip) - index;  // of an index above that tip: more than there are
    if (back < here.ids.size()) return here.ids[back];
    at = here.goes_on;
  }
  return std::nullopt;
}

std::vector<RowId> WantedRows::rows() {
  std::ranges::sort(rows_);
  const auto rest = std::ranges::unique(rows_);
  rows_.erase(rest.begin(), rest.end());
  return std::move(rows_);
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
