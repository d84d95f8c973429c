#include "sync/reconcile.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

/// Beside sixteen times what the log has: an honest peer is shown each branch twice at most.
constexpr std::uint64_t kMostSteps = 65'536;
/// Of the ops behind one another that are read at a time: at first, and at most.
constexpr std::uint64_t kFirstStride = 16, kLongestStride = 4'096;
constexpr std::size_t kRowsAStep = 16;

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
  MUSHER_TRY(const auto at, log.links(branch.tip));
  if (!at || taken_.contains(at->row)) return std::nullopt;
  MUSHER_TRY(const bool goes_on, step(log));
  if (!goes_on) return std::nullopt;
  const auto [several, first] = has_several_.try_emplace(at->author);
  if (first) {
    MUSHER_TRY(const auto tips, log.tips_of(at->author));
    several->second = tips.size() > 1;
  }
  if (several->second) return add_one_of_several(log, branch, *at);
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
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  steps_ += rows.size() / kRowsAStep;  // they are read one behind the other
  return std::nullopt;
}

/// Down from the tip to what the peer has, or what is taken already: behind that are rows of both kinds only. Or to
/// where another branch was found to have none of the bases. What is in front of a row that is taken the peer may have,
/// unless that row is the next: it is asked once.
Result<std::optional<Samples>> WantedRows::add_one_of_several(LogReader& log, const Want::Branch& branch,
                                                              const OpLinks& at) {
  std::set<OpId> bases;
  for (const Tip& base : branch.bases) bases.insert(base.id);
  Barren& barren = barren_[at.author];
  const bool is_of_these = barren.bases == bases;
  Walk walk{.tip = at.index};
  std::vector<RowId> rows;
  bool at_taken = false;
  /// Whether the walk ends at this op; else it goes on behind it.
  const auto visit = [&](const OpId& id, const std::optional<OpLinks>& links) {
    if (!links || bases.contains(id)) return true;
    if (taken_.contains(links->row)) return at_taken = true;
    if (const auto known = barren.rows.find(links->row); is_of_these && known != barren.rows.end()) {
      walk.goes_on = known->second;
      return true;
    }
    rows.push_back(links->row);
    walk.ids.push_back(id);
    return false;
  };
  bool ended = visit(branch.tip, at);
  OpId from = branch.tip;
  std::uint64_t index = raw(at.index), stride = kFirstStride;
  while (!ended && index > 1) {
    MUSHER_TRY(const auto behind, log.prev_ancestors(from, OpIndex{index > stride ? index - stride : 1}));
    if (behind.empty()) break;
    for (const OpId& id : behind) {
      MUSHER_TRY(const bool goes_on, step(log));
      if (!goes_on) return std::nullopt;
      MUSHER_TRY(const auto links, log.links(id));
      if ((ended = visit(id, links))) break;
    }
    from = behind.back();
    index -= std::min<std::uint64_t>(index - 1, behind.size());
    stride = std::min(2 * stride, kLongestStride);
  }
  const bool at_base = ended && !walk.goes_on && !(at_taken && rows.size() > 1 && !sampled_.contains(branch.tip));
  if (bases.empty() || at_base) {
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    taken_.insert(rows.begin(), rows.end());
    return std::nullopt;
  }
  sampled_.insert(branch.tip);
  if (!is_of_these) barren = {.bases = std::move(bases)};
  for (const RowId row : rows) barren.rows.emplace(row, barren.walks.size());
  barren.walks.push_back(std::move(walk));
  return samples_of(branch.tip, at, [&](std::uint64_t wanted) -> Result<std::optional<OpId>> {
    return barren.op_at(barren.walks.size() - 1, wanted);
  });
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

std::optional<OpId> WantedRows::Barren::op_at(std::size_t number, std::uint64_t index) const {
  for (std::optional<std::size_t> at = number; at; at = walks[*at].goes_on) {
    const std::uint64_t back = raw(walks[*at].tip) - index;  // of an index above that tip: more than there are
    if (back < walks[*at].ids.size()) return walks[*at].ids[back];
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
