#include "document/purges.hpp"

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
  for (const OpId& purge : latest_ | std::views::reverse) {
    MUSHER_TRY(const bool knows_it, ancestry.precedes(purge, insert));
    if (!knows_it) return true;
  }
  MUSHER_CHECK(forget_earlier(ancestry));
  last_alive_ = insert;
  return false;
}

/// Of those that the newest one descends from none needs to be asked about any more.
Result<void> Purges::forget_earlier(const Ancestry& ancestry) {
  std::vector<OpId> kept;
  for (const OpId& purge : latest_) {
    MUSHER_TRY(const bool earlier, ancestry.precedes(purge, latest_.back()));
    if (!earlier) kept.push_back(purge);
  }
  latest_ = std::move(kept);
  return {};
}

void Purges::add(const OpId& purge) {
  if (!known_.insert(purge).second) return;
  all_.push_back(purge);
  latest_.push_back(purge);
  last_alive_.reset();
}

}  // namespace musher
