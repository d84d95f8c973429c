#pragma once
// Rows against each other: every row number is there, and every op comes after what it depends on.

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "audit/losses.hpp"

namespace musher {

class OrderCheck {
 public:
  OrderCheck(OpTables& tables, Losses& losses, FindingList& findings)
      : tables_(tables), losses_(losses), findings_(findings) {}

  /// The number of the next row that could be read; above the last one's. False when rows are missing before it, and a
  /// finding says so.
  bool next_row(RowId row);
  /// These could not be read: they are there, so they are no gap.
  void unreadable(RowId first, RowId last);

  enum class Entered : std::uint8_t {
    in_order,
    late,   ///< an op in an earlier row depends on it: a finding
    again,  ///< another row holds it already
  };
  /// Enters an op that is in the log.
  Entered enter(const OpId& id, RowId row);
  /// What an entered row depends on. Not for rows whose fields are not reliable. False when some of it has not come
  /// yet.
  bool row(const AuditedRow& row);

  /// The log ends here, but gave out row numbers up to `highest`. Whether a finding says so.
  bool tail_missing(RowId highest);
  /// Ops that others name and that are in no row. Those that a lost row explains are left out, one a row; returns how
  /// many.
  std::uint64_t finish();

 private:
  void check_target(const AuditedRow& row);
  void check_depth_and_seq(const AuditedRow& row, Depth deepest, bool all_known);

  OpTables& tables_;
  Losses& losses_;
  FindingList& findings_;
  RowId last_{};
};

}  // namespace musher
