#pragma once
// Each author's own chain: prev is the author's op before, the index counts one up, and no key writes on two branches.

#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"

namespace musher {

class AuthorCheck {
 public:
  AuthorCheck(OpTables& tables, FindingList& findings) : tables_(tables), findings_(findings) {}

  /// A reliable row, entered and with its dependencies named.
  void row(const AuditedRow& row);

 private:
  void check_index(const AuditedRow& row, const OpEntry& prev);
  void check_branch(const AuditedRow& row);
  void report_branch(const AuditedRow& row);

  OpTables& tables_;
  FindingList& findings_;
  std::vector<bool> began_;  ///< by author: an op without prev was seen
};

}  // namespace musher
