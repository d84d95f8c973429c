#pragma once
// The effective purges of one story, and whom they hide.

#include <vector>

#include "document/ancestry.hpp"
#include "document/number_set.hpp"
#include "model/ids.hpp"

namespace musher {

/// An insert lives when it descends from every purge. Descent is transitive: those that a later one descends from need
/// not be asked about, and mostly the last one is left. Adding and asking take one question each, however many there
/// are.
class Purges {
 public:
  [[nodiscard]] Result<bool> hide(const OpId& insert, const Ancestry& ancestry) const;
  /// Adds a purge; adding it again changes nothing. When the ancestry fails nothing has changed.
  [[nodiscard]] Result<void> add(const OpId& purge, const Ancestry& ancestry);

  /// In the order they were added.
  [[nodiscard]] const std::vector<OpId>& all() const { return all_; }

 private:
  std::vector<OpId> all_;
  NumberSet numbers_;  ///< theirs in the ancestry
  NumberSet latest_;   ///< of those, all but some that another descends from
};

}  // namespace musher
