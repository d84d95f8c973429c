#pragma once
// Whether an op may be in the log at all: an op whose author is not heard enters only when an op that is builds on it.

#include <map>
#include <queue>
#include <set>
#include <unordered_map>
#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "oplog/rows.hpp"

namespace musher {

/// Local trust changes and logs outlive it, so this asks what was known at admission: an author counts as trusted when
/// he ever was here, and a revoked one's op is out of place only when it and everything after it was received later
/// than the revocation. What an honest node did is never a finding, even where a clock was set back.
class AdmissionCheck {
 public:
  AdmissionCheck(OpTables& tables, FindingList& findings, const std::vector<AuthorRecord>& authors,
                 const std::vector<TrustChange>& changes);

  /// Every authentic row.
  void row(const AuditedRow& row);
  void finish();

 private:
  struct Standing {
    bool ever_allowed = false;
    std::optional<std::int64_t> revoked_ms;  ///< when, if that is how things stand
  };
  /// An op that needs somebody trusted to build on it, and what it itself builds on.
  struct Unsupported {
    RowId row{};
    std::optional<std::int64_t> revoked_ms;
    std::vector<EntryNumber> dependencies;
  };
  void support(const std::vector<EntryNumber>& dependencies);
  void pardon_received_before(std::int64_t received_ms);
  void report(FindingCode code, EntryNumber author, const std::vector<EntryNumber>& ops);

  OpTables& tables_;
  FindingList& findings_;
  std::map<AuthorId, Standing> standings_;
  std::unordered_map<EntryNumber, Unsupported> unsupported_;
  std::priority_queue<std::pair<std::int64_t, EntryNumber>> revocations_;  // latest first
};

}  // namespace musher
