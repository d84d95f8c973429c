#pragma once
// Content is gone only where an erase says so.

#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "audit/losses.hpp"
#include "oplog/op_log.hpp"

namespace musher {

class ContentCheck {
 public:
  /// losses: each lost row behind it may have been the erase of one op.
  ContentCheck(OpTables& tables, const Losses& losses, FindingList& findings)
      : tables_(tables), losses_(losses), findings_(findings) {}

  void row(const AuditedRow& row);
  /// A row that was changed, and has a finding: it may have been an erase.
  void doubt(const OpRow& row);
  /// A row that cannot be read, and has a finding: it may have been an erase of anything before it.
  void doubt_erase(RowId row) { doubted_erases_.push_back(row); }
  /// Looks for late erases too: one that came in after the audited rows may have dropped content while they were read.
  /// @errors as LogReader::scan.
  Result<void> finish(LogReader& log, RowId last);

 private:
  [[nodiscard]] std::uint64_t possible_erases_after(RowId row) const;

  OpTables& tables_;
  const Losses& losses_;
  FindingList& findings_;
  std::vector<EntryNumber> without_content_;
  std::vector<RowId> doubted_erases_;  ///< ascending; each explains one op without content
};

}  // namespace musher
