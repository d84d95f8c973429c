#pragma once
// Times order nothing, but a clock that runs ahead is worth knowing: one warning an author, one for this node.

#include <map>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"

namespace musher {

/// How far one time is ahead of another, as far as an i64 goes: claims may be anything.
[[nodiscard]] std::int64_t ms_ahead(std::int64_t claimed_ms, std::int64_t true_ms);

class ClockCheck {
 public:
  static constexpr std::int64_t kToleranceMs = 10 * 60 * 1000;

  ClockCheck(const OpTables& tables, FindingList& findings, std::int64_t now_ms)
      : tables_(tables), findings_(findings), now_ms_(now_ms) {}

  void row(const AuditedRow& row);
  void finish();

 private:
  struct Ahead {
    std::uint64_t rows = 0;
    RowId first{};
    OpId op;
    std::int64_t claimed_ms = 0;  ///< of the one that is furthest ahead
    std::int64_t by_ms = 0;
  };
  static void note(Ahead& ahead, const AuditedRow& row, std::int64_t claimed_ms, std::int64_t true_ms);

  const OpTables& tables_;
  FindingList& findings_;
  std::int64_t now_ms_;
  std::map<EntryNumber, Ahead> authors_;
  Ahead here_;
};

}  // namespace musher
