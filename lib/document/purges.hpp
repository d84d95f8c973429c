#pragma once
// The effective purges of one story, and whom they hide.

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "document/ancestry.hpp"
#include "model/ids.hpp"

namespace musher {

/// An insert lives when it descends from every purge. Descent is transitive: the purges that a later one descends from
/// need not be asked about. On one chain that is known; between chains it is found out by the inserts that live. So
/// adding costs O(1) however many purges are concurrent, and an insert one question for each chain that has purges; one
/// in all when it is hidden by what hid the last one.
class Purges {
 public:
  /// When the ancestry fails nothing has changed.
  [[nodiscard]] Result<bool> hide(const OpId& insert, const Ancestry& ancestry);
  /// Adds a purge; adding it again changes nothing. When the ancestry fails nothing has changed.
  [[nodiscard]] Result<void> add(const OpId& purge, const Ancestry& ancestry);

  /// In the order they were added.
  [[nodiscard]] const std::vector<OpId>& all() const { return all_; }

 private:
  [[nodiscard]] Result<void> forget_earlier(const Ancestry& ancestry);

  std::vector<OpId> all_;
  std::unordered_set<OpId, IdHash> known_;
  std::vector<OpId> latest_;                               ///< all but some that another of them descends from
  std::unordered_map<std::uint64_t, std::size_t> chains_;  ///< which of latest_ is a chain's
  std::optional<OpId> last_hider_;                         ///< hid the insert that was hidden last
  std::optional<OpId> last_alive_;                         ///< an insert that descends from all
};

}  // namespace musher
