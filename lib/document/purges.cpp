#include "document/purges.hpp"

namespace musher {

Result<bool> Purges::hide(const OpId& insert, const Ancestry& ancestry) const {
  MUSHER_TRY(const bool lives, ancestry.descends_from_all(insert, latest_));
  return !lives;
}

Result<void> Purges::add(const OpId& purge, const Ancestry& ancestry) {
  MUSHER_TRY(const std::uint32_t number, ancestry.purge_number(purge));
  if (numbers_.contains(number)) return {};
  MUSHER_TRY(const bool follows_all, ancestry.descends_from_all(purge, latest_));
  if (follows_all) latest_ = NumberSet();
  latest_.add(number);
  numbers_.add(number);
  all_.push_back(purge);
  return {};
}

}  // namespace musher
