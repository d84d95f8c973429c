#pragma once
// Content is gone only where an erase says so that may; or it never came, and then it is said who let it out.

#include <optional>
#include <unordered_set>
#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "audit/losses.hpp"
#include "oplog/op_log.hpp"

namespace musher {

class ContentCheck {
 public:
  using Erasers = std::unordered_set<AuthorId, IdHash>;

  /// losses: each lost row behind it may have been the erase of one op. erasers: who ever could erase others' ops here;
  /// nothing when nobody can say.
  ContentCheck(OpTables& tables, const Losses& losses, std::optional<Erasers> erasers, FindingList& findings)
      : tables_(tables), losses_(losses), erasers_(std::move(erasers)), findings_(findings) {}

  void row(const AuditedRow& row);
  /// A row that was changed, and has a finding: it may have been an erase.
  void doubt(const OpRow& row);
  /// A row that cannot be read, and has a finding: it may have been an erase of anything before it.
  void doubt_erase(RowId row) { doubted_erases_.push_back(row); }
  /// Looks for late erases too: one that came in after the audited rows may have dropped content while they were read.
  /// @errors as LogReader::scan.
  Result<void> finish(LogReader& log, RowId last);

 private:
  struct Lacking {
    EntryNumber number = kNoEntry;
    std::int64_t received_ms = 0;
    bool written_here = false;  ///< so it came in with its content
    bool muted_erase = false;   ///< an erase names it that may not drop it
  };
  /// An erase of another author's op by somebody who never could erase here. It drops nothing; but a node that heard it
  /// passes the op on without content, and then both come in at once.
  struct MutedErase {
    EntryNumber target = kNoEntry;
    RowId row{};
    OpId id;
    std::int64_t received_ms = 0;
  };
  void note_erase(const OpRow& row);
  void weigh_muted_erases();
  void report_withheld(const OpEntry& op, const MutedErase& erase);
  [[nodiscard]] std::uint64_t possible_erases_after(RowId row) const;

  OpTables& tables_;
  const Losses& losses_;
  const std::optional<Erasers> erasers_;
  FindingList& findings_;
  std::vector<Lacking> without_content_;  ///< by row
  std::vector<MutedErase> muted_erases_;
  std::vector<RowId> doubted_erases_;  ///< ascending; each explains one op without content
};

}  // namespace musher
