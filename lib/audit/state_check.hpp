#pragma once
// This log against what an earlier run noted of it.

#include <filesystem>
#include <optional>

#include "audit/chain_walk.hpp"
#include "audit/high_water_mark.hpp"
#include "audit/log_snapshot.hpp"
#include "audit/op_table.hpp"

namespace musher {

class StateCheck {
 public:
  /// file: where the mark was read from, for the hints.
  StateCheck(HighWaterMark mark, std::filesystem::path file, FindingList& findings)
      : mark_(std::move(mark)), file_(std::move(file)), findings_(findings) {}

  [[nodiscard]] const HighWaterMark& mark() const { return mark_; }

  /// After each row that the walk was given.
  void row(RowId row, const ChainWalk& walk);
  /// After the last one. tail_reported: that rows are cut off behind it is a finding already.
  void finish(const LogInfo& info, const LogSnapshot& snapshot, const OpTable& ops, RowId last, bool tail_reported);

  /// The rows up to the mark's are exactly what they were. Known once a row at or behind it was passed.
  [[nodiscard]] bool same_rows() const { return same_rows_; }
  /// So are the document and the trust log as far as it went. After finish().
  [[nodiscard]] bool matched() const { return matched_; }
  /// What the trust log tells of since. After finish(); nothing when it does not begin as it did then.
  [[nodiscard]] const std::optional<std::vector<TrustChange>>& trust_changes() const { return trust_changes_; }

 private:
  void check_end(RowId last);
  void check_prefix(const std::string& log_path, const OpTable& ops);
  bool check_trust(const std::string& log_path, const std::vector<TrustChange>& changes);
  [[nodiscard]] bool has_every_op(const OpTable& ops) const;
  [[nodiscard]] std::string where() const;

  // fixed after construction
  HighWaterMark mark_;
  std::filesystem::path file_;
  FindingList& findings_;
  // changes with each row
  std::size_t next_sample_ = 0;
  RowId same_upto_{};                ///< the last sample that agreed
  std::optional<RowId> differs_at_;  ///< the first that did not
  std::optional<bool> agrees_;       ///< at the mark's row, as far as reported damage allows
  bool break_reported_ = false;      ///< there
  bool same_rows_ = false;
  bool matched_ = false;
  std::optional<std::vector<TrustChange>> trust_changes_;
};

}  // namespace musher
