#include "document/purges.hpp"

#include <algorithm>
#include <ranges>

namespace musher {

Result<bool> Purges::hide(const OpId& insert, const Ancestry& ancestry) {
  if (last_alive_) {
    MUSHER_TRY(const bool follows_it, ancestry.precedes(*last_alive_, insert));
    if (follows_it) {
      last_alive_ = insert;
      return false;
    }
  }
  if (last_hider_) {
    MUSHER_TRY(const bool knows_it, ancestry.precedes(*last_hider_, insert));
    if (!knows_it) return true;
  }
  if (latest_.empty()) return false;
  // The newest first: mostly it alone decides, and reaching it takes the shortest way.
  MUSHER_TRY(const bool knows_newest, ancestry.precedes(latest_.back(), insert));
  if (!knows_newest) {
    last_hider_ = latest_.back();
    return true;
  }
  MUSHER_TRY(const auto known, ancestry.descends_from(insert, latest_));
  if (const auto unknown = std::ranges::find(known | std::views::reverse, false); unknown != known.rend()) {
    last_hider_ = latest_[static_cast<std::size_t>(known.rend() - unknown) - 1];
    return true;
  }
  MUSHER_CHECK(forget_earlier(ancestry));
  last_alive_ = insert;
  return false;
}

/// Of those that the newest one descends from none needs to be asked about any more.
Result<void> Purges::forget_earlier(const Ancestry& ancestry) {
  std::vector<OpId> kept;
  std::vector<std::optional<std::size_t>> places(latest_.size());  // in kept
  MUSHER_TRY(const auto earlier, ancestry.descends_from(all_.back(), latest_));
  for (std::size_t at = 0; at < latest_.size(); ++at) {
    if (earlier[at]) continue;
    places[at] = kept.size();
    kept.push_back(latest_[at]);
  }
  std::unordered_map<std::uint64_t, std::size_t> chains;
  for (const auto& [chain, at] : chains_) {
    if (places[at]) chains.emplace(chain, *places[at]);
  }
  latest_ = std::move(kept);
  chains_ = std::move(chains);
  return {};
}

Result<void> Purges::add(const OpId& purge, const Ancestry& ancestry) {
  if (known_.contains(purge)) return {};
  MUSHER_TRY(const auto chain, ancestry.chain_of(purge));
  const auto before = chain ? chains_.find(*chain) : chains_.end();
  bool follows = false;
  if (before != chains_.end()) {  // a naive order may have them the other way round
    MUSHER_TRY(follows, ancestry.precedes(latest_[before->second], purge));
  }
  known_.insert(purge);
  all_.push_back(purge);
  if (before == chains_.end()) {
    if (chain) chains_.emplace(*chain, latest_.size());
    latest_.push_back(purge);
  } else if (follows) {
    latest_[before->second] = purge;
  }
  last_alive_.reset();
  return {};
}

}  // namespace musher
