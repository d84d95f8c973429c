#include "audit/verify_order.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "audit/ancestry_pass.hpp"
#include "audit/audit_pass.hpp"
#include "audit/file_check.hpp"
#include "audit/own_tip_check.hpp"
#include "audit/renamed_log.hpp"
#include "audit/salvage_scan.hpp"
#include "model/text.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

constexpr std::uint64_t kRowsBetweenLooks = 256;

/// Whether the run may go on: asked between rows.
class Patience {
 public:
  explicit Patience(const AuditRequest& request) : request_(request), began_(request.steady_now()) {}

  [[nodiscard]] bool lasts() {
    cancelled_ = cancelled_ || (request_.cancel != nullptr && request_.cancel->load(std::memory_order_relaxed));
    out_of_time_ = out_of_time_ || (request_.max_duration && request_.steady_now() - began_ >= *request_.max_duration);
    return !cancelled_ && !out_of_time_;
  }
  [[nodiscard]] bool ran_out() const { return cancelled_ || out_of_time_; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }

 private:
  const AuditRequest& request_;
  std::chrono::steady_clock::time_point began_;
  bool cancelled_ = false;
  bool out_of_time_ = false;
};

class Audit {
 public:
  Audit(SqliteOpLog& log, const AuditRequest& request)
      : log_(log), request_(request), patience_(request), findings_(request.checks, log.info().path) {}

  Result<AuditReport> run();

 private:
  [[nodiscard]] bool wants(Check check) const { return contains(request_.checks, check); }
  [[nodiscard]] bool compares() const { return request_.state && wants(Check::state); }
  Result<void> check_something_is_asked() const;
  Result<void> look_at_state();
  Result<void> check_something_is_there() const;
  Result<void> read_log();
  void begin_reading();
  Result<void> look_below_the_first_row();
  Result<void> read_rows();
  Result<void> ask_ancestry();
  Result<void> look_for_another_id();
  void skip(Check check) { skipped_.set(static_cast<std::size_t>(check)); }
  void fill_coverage(AuditCoverage& coverage) const;
  AuditReport report() const;
  Result<void> note_run(AuditReport& report);

  SqliteOpLog& log_;
  const AuditRequest& request_;
  Patience patience_;
  FindingList findings_;
  LogSnapshot snapshot_;
  AuditCoverage coverage_;
  CheckSet skipped_;
  std::optional<HighWaterMark> mark_;  ///< of the last run
  std::vector<HighWaterMark> others_;  ///< where there is none: of other logs of this document
  RowId signed_upto_{};                ///< rows whose signatures the last run has checked, if they are the same bytes
  // of one reading
  std::optional<StateCheck> state_;
  std::optional<AuditPass> pass_;
};

Result<AuditReport> Audit::run() {
  MUSHER_CHECK(check_something_is_asked());
  if (compares()) MUSHER_CHECK(check_state_place(*request_.state, request_.state_folder));
  std::vector<Tip> notes;
  if (request_.tip_notes && wants(Check::author)) {
    MUSHER_TRY(notes, read_tip_notes(log_, *request_.tip_notes));
  }
  MUSHER_TRY(const auto schema, check_schema(log_, findings_));
  MUSHER_TRY(snapshot_, take_snapshot(log_, schema, findings_));
  MUSHER_CHECK(check_tables(log_, findings_));
  MUSHER_CHECK(look_at_state());
  MUSHER_CHECK(check_something_is_there());
  MUSHER_CHECK(read_log());
  if (!patience_.ran_out()) {
    MUSHER_CHECK(pass_->finish());
    MUSHER_CHECK(ask_ancestry());
    MUSHER_CHECK(look_for_another_id());
    MUSHER_CHECK(check_own_tips(log_, notes, findings_));
    const auto is_over = [&] { return !patience_.lasts(); };
    if (wants(Check::file) && !is_over()) MUSHER_CHECK(check_integrity(log_, is_over, findings_));
  }
  if (patience_.ran_out()) {
    for (const Check check : {Check::file, Check::order, Check::trust, Check::derived, Check::clock, Check::state})
      skip(check);
  }
  if (pass_->trust_unknown()) skip(Check::trust);
  AuditReport result = report();
  MUSHER_CHECK(note_run(result));
  return result;
}

Result<void> Audit::check_something_is_asked() const {
  CheckSet alone = request_.checks;
  alone.reset(static_cast<std::size_t>(Check::state));
  if (alone.any() || compares()) return {};
  return fail(Errc::usage, "there is nothing to check: the only check asked for needs a state, and there is to be none",
              "name a state, or add to --checks");
}

Result<void> Audit::look_at_state() {
  if (!compares()) return {};
  auto mark = read_state(*request_.state, log_.info().log);
  if (!mark) {
    coverage_.state = StateOutcome::failed;
    coverage_.state_problem = std::move(mark).error();
  } else if (*mark) {
    mark_ = **std::move(mark);
    const bool comparable = mark_->document == log_.info().document && mark_->row <= snapshot_.last;
    if (comparable && !request_.full && wants(Check::signature)) signed_upto_ = mark_->row;
  } else {
    coverage_.state = StateOutcome::first_run;
    others_ = states_of_other_logs(*request_.state, log_.info());
    coverage_.states_of_other_logs = others_.size();
    const bool only_state = request_.checks.count() == 1;
    if (!request_.require_state && !only_state) return {};
    coverage_.state_problem =
        Error{Errc::incomplete,
              fmt::format("there is no earlier run to compare with: {} does not exist", request_.state->string()),
              only_state ? "musher verify-order without --checks makes one"
                         : "musher verify-order without --require-state makes one"};
  }
  if (coverage_.state_problem) skip(Check::state);
  return {};
}

/// A log that never had a row has nothing to check. One that lost all of them has.
Result<void> Audit::check_something_is_there() const {
  const bool had_rows =
      snapshot_.highest.value_or(RowId{0}) > RowId{0} || (snapshot_.marks && !snapshot_.marks->empty());
  if (snapshot_.last != RowId{0} || had_rows || (mark_ && mark_->row > RowId{0})) return {};
  return fail(Errc::empty, fmt::format("there is nothing to check: {} has no ops", log_.info().path),
              "musher put --new STORY FIELD=TEXT writes one");
}

/// Signatures that the last run checked are believed while the rows are the same bytes. If they turn out not to be,
/// nothing that was concluded from them stands: all is read again, with every signature.
Result<void> Audit::read_log() {
  const FindingList before = findings_;
  begin_reading();
  MUSHER_CHECK(look_below_the_first_row());
  MUSHER_CHECK(read_rows());
  if (signed_upto_ == RowId{0} || state_->same_rows()) return {};
  if (patience_.ran_out()) {  // not known: nobody is accused on the strength of an unchecked signature
    findings_.take_back(FindingCode::equivocation);
    coverage_.signatures_from_checkpoint = 0;
    return {};
  }
  signed_upto_ = RowId{0};
  findings_ = before;
  return read_log();
}

void Audit::begin_reading() {
  coverage_.rows_checked = coverage_.signatures_checked = coverage_.signatures_from_checkpoint = 0;
  coverage_.rowid_from = coverage_.rowid_to = RowId{0};
  if (mark_) state_.emplace(*mark_, *request_.state, findings_);
  pass_.emplace(log_, snapshot_, state_ ? &*state_ : nullptr, request_.now_ms, check_of(request_.signatures),
                findings_);
}

Result<void> Audit::look_below_the_first_row() {
  constexpr RowId kLowest{std::numeric_limits<std::int64_t>::min()};
  const auto take = [&](ScannedRow&& row) {
    pass_->below_the_first(row);
    ++coverage_.rows_checked;
    return patience_.lasts();
  };
  auto lowest = log_.rows(std::array{kLowest});  // a scan begins behind a row
  if (!lowest && lowest.error().code != Errc::damaged) return std::unexpected(std::move(lowest).error());
  if (lowest) {
    for (ScannedRow& row : *lowest) take(std::move(row));
  }
  const auto looked = log_.scan(kLowest, RowId{0}, take);
  return looked || looked.error().code == Errc::damaged ? Result<void>{} : looked;
}

Result<void> Audit::read_rows() {
  const Signatures wanted = wants(Check::signature) ? request_.signatures : Signatures::skip;
  RowGate gate;
  Result<void> passed;
  bool refused = false;
  const auto sink = [&](CheckedRow&& checked) {
    const RowId row = std::visit([](const auto& either) { return either.row; }, checked.row);
    refused = !gate.admits(row);
    if (refused) return false;
    if (coverage_.rowid_from == RowId{0}) coverage_.rowid_from = row;
    coverage_.rowid_to = row;
    if (checked.signature_checked)
      ++coverage_.signatures_checked;
    else if (row <= signed_upto_)
      ++coverage_.signatures_from_checkpoint;
    passed = pass_->row(std::move(checked));
    if (++coverage_.rows_checked % kRowsBetweenLooks == 0 && request_.on_progress)
      request_.on_progress(coverage_.rows_checked);
    if (!passed || (coverage_.rows_checked % kRowsBetweenLooks == 0 && !patience_.lasts())) gate.stop();
    if (signed_upto_ != RowId{0} && row >= signed_upto_ && !state_->same_rows()) gate.stop();  // read_log begins anew
    return !gate.stopped();
  };
  const auto scan = [&](RowId after) -> Result<void> {
    refused = false;
    if (after < signed_upto_) {
      MUSHER_CHECK(checked_scan(log_, {after, signed_upto_, Signatures::skip, request_.threads, nullptr}, sink));
      if (refused || gate.stopped()) return {};
      after = signed_upto_;
    }
    return checked_scan(log_, {after, snapshot_.last, wanted, request_.threads, nullptr}, sink);
  };
  if (!patience_.lasts()) return {};
  MUSHER_CHECK(
      salvage_scan(log_, snapshot_.last, gate, scan, [&](RowId first, RowId last) { pass_->unreadable(first, last); }));
  if (request_.on_progress) request_.on_progress(coverage_.rows_checked);
  return passed;
}

Result<void> Audit::ask_ancestry() {
  StoryCheck* story = wants(Check::story) ? pass_->story() : nullptr;
  if (wants(Check::story) && story == nullptr) skip(Check::story);
  const bool seq = wants(Check::seq) && pass_->seq().any_in_question();
  if (seq || (story != nullptr && story->needs_ancestry())) {
    std::uint64_t rows = 0;
    const auto go_on = [&] { return ++rows % kRowsBetweenLooks != 0 || patience_.lasts(); };
    MUSHER_CHECK(answer_by_ancestry(log_, snapshot_.last, pass_->tables(), {pass_->seq(), story}, findings_, go_on));
  }
  if (patience_.ran_out()) {
    skip(Check::seq);
    skip(Check::story);
  } else if (story != nullptr) {
    story->finish();
  }
  return {};
}

/// Without its state, which is found by the log's id, a cut or an old copy would not show.
Result<void> Audit::look_for_another_id() {
  if (others_.empty()) return {};
  MUSHER_TRY(const auto before, find_same_rows(log_, others_));
  if (!before) return {};
  findings_.add(
      {.code = FindingCode::row_replaced,
       .field = "meta",
       .expected = to_hex(before->log.bytes),
       .found = to_hex(log_.info().log.bytes),
       .message = fmt::format("at the last check ({}) this log, row 1 to {}, had another id: its meta row "
                              "was changed",
                              to_utc(before->made_ms), raw(before->row)),
       .hint = fmt::format("sqlite3 -readonly {} 'SELECT key, hex(value) FROM meta'", shell_word(log_.info().path))});
  return {};
}

void Audit::fill_coverage(AuditCoverage& coverage) const {
  coverage.rows = coverage.rows_checked + pass_->unreadable_rows();
  // Row numbers have no gaps in a log that is as it should be.
  if (patience_.ran_out() && snapshot_.last != kLastRowUnknown && snapshot_.last > pass_->last())
    coverage.rows += static_cast<std::uint64_t>(raw(snapshot_.last) - raw(pass_->last()));
  coverage.rows_not_judged = pass_->rows_not_judged();
  if (state_ && patience_.ran_out()) {
    coverage.state_not_compared = patience_.out_of_time() ? "the time was up" : "it was stopped";
  } else if (state_) {
    coverage.state = state_->matched() ? StateOutcome::matched : StateOutcome::failed;
    coverage.trust_changes = state_->trust_changes();
  }
  const bool compared = coverage.state != StateOutcome::none;
  for (std::size_t i = 0; i < kChecks; ++i) {
    const Check check{static_cast<std::uint8_t>(i)};
    const bool run = wants(check) && !skipped_.test(i) && (check != Check::state || compared);
    (run ? coverage.checks_run : coverage.checks_skipped).push_back(check);
  }
}

AuditReport Audit::report() const {
  AuditReport report;
  report.coverage = coverage_;
  fill_coverage(report.coverage);
  report.findings = findings_.sorted();
  report.findings_not_kept = findings_.not_kept();
  for (const FindingKind& kind : finding_kinds())
    report.counts[static_cast<std::size_t>(kind.code)] = findings_.count(kind.code);
  report.cancelled = patience_.cancelled();
  report.out_of_time = patience_.out_of_time();
  const bool complete = !patience_.ran_out() && !coverage_.state_problem && (skipped_ & request_.checks).none() &&
                        report.coverage.state != StateOutcome::failed && report.coverage.rows_not_judged == 0;
  report.verdict = findings_.has_error() ? AuditVerdict::findings
                   : complete            ? AuditVerdict::ok
                                         : AuditVerdict::incomplete;
  return report;
}

Result<void> Audit::note_run(AuditReport& report) {
  if (report.verdict != AuditVerdict::ok || !request_.state || !request_.checks.all()) return {};
  const std::uint64_t runs = mark_ ? mark_->runs + 1 : 1;
  MUSHER_TRY(report.state_written,
             write_state(*request_.state, pass_->high_water_mark(runs, request_.now_ms), request_.state_folder));
  return {};
}

}  // namespace

Result<AuditReport> verify_order(SqliteOpLog& log, const AuditRequest& request) { return Audit(log, request).run(); }

}  // namespace musher
