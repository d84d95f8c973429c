#pragma once
// Rows that are known to be lost or unreadable: what they explain is not reported a second time, and no more than that.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/ids.hpp"

namespace musher {

class Losses {
 public:
  /// Rows first, first + 1 ... are not there, or say not even which op they held. Called in rowid order.
  void add(RowId first, std::uint64_t rows) {
    const std::uint64_t earlier = lost_.empty() ? 0 : lost_.back().earlier + lost_.back().rows;
    lost_.push_back({first, rows, earlier});
    doubt(first);
  }
  /// The fields of this row are not to be believed: what it depends on is not known.
  void doubt(RowId row) { last_doubt_ = std::max(last_doubt_, row); }

  /// How many rows before this one are lost. Each explains one op that is missing, not two.
  [[nodiscard]] std::uint64_t before(RowId row) const {
    const auto after = std::ranges::lower_bound(lost_, row, {}, &Lost::first);
    if (after == lost_.begin()) return 0;
    const Lost& last = *std::prev(after);
    return last.earlier + std::min(last.rows, static_cast<std::uint64_t>(raw(row) - raw(last.first)));
  }
  /// How many rows behind this one are lost.
  [[nodiscard]] std::uint64_t behind(RowId row) const {
    return lost_.empty() ? 0 : lost_.back().earlier + lost_.back().rows - before(row);
  }
  /// A row after this one may have named it, and cannot be asked.
  [[nodiscard]] bool may_have_named(RowId row) const { return last_doubt_ > row; }

 private:
  struct Lost {
    RowId first{};
    std::uint64_t rows = 0;
    std::uint64_t earlier = 0;  ///< lost rows before these
  };
  std::vector<Lost> lost_;
  RowId last_doubt_{};
};

}  // namespace musher
