#pragma once
// This log against what an earlier run noted of it.

#include <optional>

#include "audit/chain_walk.hpp"
#include "audit/high_water_mark.hpp"
#include "audit/log_snapshot.hpp"
#include "audit/op_table.hpp"

namespace musher {

class StateCheck {
 public:
  StateCheck(HighWaterMark mark, FindingList& findings) : mark_(std::move(mark)), findings_(findings) {}

  [[nodiscard]] const HighWaterMark& mark() const { return mark_; }

  /// After each row that the walk was given.
  void row(RowId row, const ChainWalk& walk);
  /// After the last one. tail_reported: that rows are cut off behind it is a finding already.
  void finish(const LogInfo& info, const LogSnapshot& snapshot, const OpTable& ops, RowId last, bool tail_reported);

  /// The log begins exactly as it was then.
  [[nodiscard]] bool matched() const { return matched_; }

 private:
  void check_end(RowId last);
  void check_prefix(const OpTable& ops);
  void check_trust(const std::vector<TrustChange>& changes);
  [[nodiscard]] std::string where() const;

  // fixed after construction
  HighWaterMark mark_;
  FindingList& findings_;
  // changes with each row
  std::size_t next_sample_ = 0;
  RowId same_upto_{};                ///< the last sample that agreed
  std::optional<RowId> differs_at_;  ///< the first that did not
  std::optional<bool> agrees_;       ///< at the mark's row, as far as reported damage allows
  bool break_reported_ = false;      ///< there
  bool matched_ = false;
};

}  // namespace musher
