#pragma once
// The effective purges of one story, and whom they hide.

#include <vector>

#include "document/ancestry.hpp"
#include "model/ids.hpp"

namespace musher {

/// An insert lives when it descends from every purge. Descent is transitive, so only the latest purges are asked about:
/// those no other purge descends from, rarely more than one.
class Purges {
 public:
  [[nodiscard]] Result<bool> hide(const OpId& insert, const Ancestry& ancestry) const;

  /// Adds a purge; nothing changes when it is here, or one that descends from it is. Nor when the ancestry fails.
  [[nodiscard]] Result<void> add(const OpId& purge, const Ancestry& ancestry);

  /// In the order they were added.
  [[nodiscard]] const std::vector<OpId>& all() const { return all_; }

 private:
  std::vector<OpId> all_;
  std::vector<OpId> latest_;
};

}  // namespace musher
