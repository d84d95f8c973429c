#pragma once
// Content is gone only where an erase says so.

#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "oplog/op_log.hpp"

namespace musher {

class ContentCheck {
 public:
  ContentCheck(OpTables& tables, FindingList& findings) : tables_(tables), findings_(findings) {}

  void row(const AuditedRow& row);
  /// Looks for late erases too: one that came in after the audited rows may have dropped content while they were read.
  /// @errors as LogReader::scan.
  Result<void> finish(LogReader& log, RowId last);

 private:
  OpTables& tables_;
  FindingList& findings_;
  std::vector<EntryNumber> without_content_;
};

}  // namespace musher
