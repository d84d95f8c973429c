#pragma once
// The one reading of the log: each row is judged by itself and handed to every check; then the checks draw their sums.

#include <optional>

#include "audit/admission_check.hpp"
#include "audit/author_check.hpp"
#include "audit/chain_walk.hpp"
#include "audit/clock_check.hpp"
#include "audit/content_check.hpp"
#include "audit/log_snapshot.hpp"
#include "audit/order_check.hpp"
#include "audit/row_judgement.hpp"
#include "audit/seq_check.hpp"
#include "audit/state_check.hpp"
#include "audit/story_check.hpp"

namespace musher {

class AuditPass {
 public:
  /// state: null when there is no earlier run to compare with.
  AuditPass(SqliteOpLog& log, const LogSnapshot& snapshot, StateCheck* state, std::int64_t now_ms,
            SignatureCheck signatures, FindingList& findings);

  /// The next row, in rowid order.
  Result<void> row(CheckedRow&& checked);
  /// A row below the first: nothing that musher reads in order would ever show it. Before any row().
  void below_the_first(const ScannedRow& row);
  /// SQLite cannot read these.
  void unreadable(RowId first, RowId last);
  /// Every row was passed.
  Result<void> finish();

  [[nodiscard]] std::uint64_t unreadable_rows() const { return unreadable_rows_; }
  /// The last row passed, or known to be unreadable.
  [[nodiscard]] RowId last() const { return last_; }
  /// Rows that the checks of this run could not judge, while what is wrong with them is left to a check that is not
  /// wanted.
  [[nodiscard]] std::uint64_t rows_not_judged() const { return rows_not_judged_; }
  /// Nobody can say who is heard, or was.
  [[nodiscard]] bool trust_unknown() const { return trust_unknown_ || !admission_; }
  [[nodiscard]] OpTables& tables() { return tables_; }
  [[nodiscard]] const SeqCheck& seq() const { return seq_; }
  /// Null when nobody can say who is heard.
  [[nodiscard]] StoryCheck* story() { return trust_unknown_ ? nullptr : &story_; }

  /// What a run that found no error notes.
  [[nodiscard]] HighWaterMark high_water_mark(std::uint64_t runs, std::int64_t now_ms) const;

 private:
  void malformed(const MalformedRow& row, const RowJudgement& judgement);
  void report(const CheckedRow& checked, const RowJudgement& judgement);
  void report_again(const OpRow& row, const OpId& id);
  void expect_break(FindingCode cause);
  void fill_entry(const OpRow& row, EntryNumber number, const RowJudgement& judgement);
  void set_aside(RowId row, FindingCode cause);
  Result<void> reliable_row(const OpRow& row, EntryNumber number, const RowJudgement& judgement);
  [[nodiscard]] bool is_effective(const OpRow& row, const OpId& id) const;
  void walk(const OpRow& row, const RowJudgement& judgement);
  void check_whole_document();
  [[nodiscard]] bool check_tail();

  // fixed after construction
  SqliteOpLog& log_;
  const LogSnapshot& snapshot_;
  StateCheck* state_;
  FindingList& findings_;
  const Verifier verifier_;
  const std::int64_t sample_distance_;
  // changes with each row
  OpTables tables_;
  Losses losses_;
  OrderCheck order_;
  AuthorCheck authors_;
  ContentCheck content_;
  ClockCheck clock_;
  SeqCheck seq_;
  StoryCheck story_;
  std::optional<AdmissionCheck> admission_;
  ChainWalk chain_;
  std::vector<HighWaterMark::Sample> samples_;
  RowId last_{};
  OpId last_op_;
  std::uint64_t rows_ = 0;
  std::uint64_t rows_of_another_document_ = 0;
  std::uint64_t unreadable_rows_ = 0;
  std::uint64_t rows_not_judged_ = 0;
  bool trust_unknown_;
};

}  // namespace musher
