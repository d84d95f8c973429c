#include "document/purges.hpp"

namespace musher {

Result<bool> Purges::hide(const OpId& insert, const Ancestry& ancestry) const {
  for (const OpId& purge : latest_) {
    MUSHER_TRY(const bool knows_it, ancestry.precedes(purge, insert));
    if (!knows_it) return true;
  }
  return false;
}

Result<void> Purges::add(const OpId& purge, const Ancestry& ancestry) {
  std::vector<OpId> latest;
  for (const OpId& other : latest_) {
    if (other == purge) return {};
    MUSHER_TRY(const bool older, ancestry.precedes(purge, other));
    if (older) return {};
    MUSHER_TRY(const bool newer, ancestry.precedes(other, purge));
    if (!newer) latest.push_back(other);
  }
  latest.push_back(purge);
  all_.push_back(purge);
  latest_ = std::move(latest);
  return {};
}

}  // namespace musher
