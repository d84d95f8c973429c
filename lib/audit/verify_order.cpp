#include "audit/verify_order.hpp"

#include <fmt/format.h>

#include <limits>

#include "audit/ancestry_pass.hpp"
#include "audit/audit_pass.hpp"
#include "audit/file_check.hpp"
#include "audit/salvage_scan.hpp"
#include "audit/state_file.hpp"

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
  Result<void> look_at_state();
  Result<void> check_something_is_there() const;
  Result<void> look_below_the_first_row(AuditPass& pass);
  Result<void> read_rows(AuditPass& pass);
  Result<void> recheck_signatures();
  Result<void> ask_ancestry(AuditPass& pass);
  void skip(Check check) { skipped_.set(static_cast<std::size_t>(check)); }
  AuditReport report() const;
  Result<void> note_run(const AuditPass& pass, AuditReport& report);

  SqliteOpLog& log_;
  const AuditRequest& request_;
  Patience patience_;
  FindingList findings_;
  LogSnapshot snapshot_;
  AuditCoverage coverage_;
  CheckSet skipped_;
  std::optional<StateCheck> state_;
  RowId signed_upto_{};  ///< rows whose signatures an earlier run has checked
};

Result<AuditReport> Audit::run() {
  MUSHER_TRY(const auto schema, check_schema(log_, findings_));
  MUSHER_TRY(snapshot_, take_snapshot(log_, schema, findings_));
  MUSHER_CHECK(look_at_state());
  MUSHER_CHECK(check_something_is_there());
  AuditPass pass(log_, snapshot_, state_ ? &*state_ : nullptr, request_.now_ms, findings_);
  MUSHER_CHECK(look_below_the_first_row(pass));
  MUSHER_CHECK(read_rows(pass));
  if (!patience_.ran_out()) {
    MUSHER_CHECK(pass.finish());
    if (state_ && !state_->matched()) MUSHER_CHECK(recheck_signatures());
    MUSHER_CHECK(ask_ancestry(pass));
    if (wants(Check::file) && patience_.lasts()) MUSHER_CHECK(check_integrity(log_, findings_));
  }
  if (patience_.ran_out()) {
    for (const Check check : {Check::file, Check::order, Check::trust, Check::derived, Check::clock, Check::state})
      skip(check);
  }
  if (pass.trust_unknown()) skip(Check::trust);
  coverage_.rows_not_judged = pass.rows_not_judged();
  AuditReport result = report();
  MUSHER_CHECK(note_run(pass, result));
  return result;
}

Result<void> Audit::look_at_state() {
  if (!request_.state || !wants(Check::state)) return {};
  auto mark = read_state(*request_.state, log_.info().log);
  if (!mark) {
    coverage_.state = StateOutcome::failed;
    coverage_.state_problem = std::move(mark).error();
  } else if (*mark) {
    state_.emplace(**std::move(mark), findings_);
    const HighWaterMark& known = state_->mark();
    if (!request_.full && known.document == log_.info().document && known.row <= snapshot_.last)
      signed_upto_ = known.row;
  } else {
    coverage_.state = StateOutcome::first_run;
    if (!request_.require_state) return {};
    coverage_.state_problem =
        Error{Errc::incomplete,
              fmt::format("there is no earlier run to compare with: {} does not exist", request_.state->string()),
              "musher verify-order without --require-state makes one"};
  }
  if (coverage_.state_problem) skip(Check::state);
  return {};
}

/// A log that never had a row has nothing to check. One that lost all of them has.
Result<void> Audit::check_something_is_there() const {
  const bool had_rows =
      snapshot_.highest.value_or(RowId{0}) > RowId{0} || (snapshot_.marks && !snapshot_.marks->empty());
  if (snapshot_.last > RowId{0} || had_rows || (state_ && state_->mark().row > RowId{0})) return {};
  return fail(Errc::empty, fmt::format("there is nothing to check: {} has no ops", log_.info().path),
              "musher put --new STORY FIELD=TEXT writes one");
}

Result<void> Audit::look_below_the_first_row(AuditPass& pass) {
  const auto looked = log_.scan(RowId{std::numeric_limits<std::int64_t>::min()}, RowId{0}, [&](ScannedRow&& row) {
    pass.below_the_first(row);
    ++coverage_.rows_checked;
    return patience_.lasts();
  });
  return looked || looked.error().code == Errc::damaged ? Result<void>{} : looked;
}

Result<void> Audit::read_rows(AuditPass& pass) {
  const Signatures wanted = wants(Check::signature) ? Signatures::check : Signatures::skip;
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
    else if (row <= signed_upto_ && wanted == Signatures::check)
      ++coverage_.signatures_from_checkpoint;
    passed = pass.row(std::move(checked));
    if (++coverage_.rows_checked % kRowsBetweenLooks == 0 && request_.on_progress)
      request_.on_progress(coverage_.rows_checked);
    if (!passed || (coverage_.rows_checked % kRowsBetweenLooks == 0 && !patience_.lasts())) gate.stop();
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
      salvage_scan(log_, snapshot_.last, gate, scan, [&](RowId first, RowId last) { pass.unreadable(first, last); }));
  if (request_.on_progress) request_.on_progress(coverage_.rows_checked);
  return passed;
}

/// The rows up to the last run's are not what they were: what was checked then says nothing of them.
Result<void> Audit::recheck_signatures() {
  if (coverage_.signatures_from_checkpoint == 0) return {};
  coverage_.signatures_from_checkpoint = 0;
  RowGate gate;
  const auto scan = [&](RowId after) {
    return checked_scan(
        log_, {after, signed_upto_, Signatures::check, request_.threads, nullptr}, [&](CheckedRow&& checked) {
          if (!gate.admits(std::visit([](const auto& either) { return either.row; }, checked.row))) return false;
          if (checked.signature_checked) ++coverage_.signatures_checked;
          if (checked.reject == Reject::bad_signature) {
            const OpRow& row = std::get<OpRow>(checked.row);
            findings_.add(
                {.code = FindingCode::signature_invalid,
                 .row = row.row,
                 .op = row.id,
                 .message = fmt::format("row {} has a signature that its author did not make", raw(row.row))});
          }
          if (raw(gate.last()) % static_cast<std::int64_t>(kRowsBetweenLooks) == 0 && !patience_.lasts()) gate.stop();
          return !gate.stopped();
        });
  };
  return salvage_scan(log_, signed_upto_, gate, scan, [](RowId, RowId) {});
}

Result<void> Audit::ask_ancestry(AuditPass& pass) {
  StoryCheck* story = wants(Check::story) ? pass.story() : nullptr;
  if (wants(Check::story) && story == nullptr) skip(Check::story);
  const bool seq = wants(Check::seq) && pass.seq().any_in_question();
  if (seq || (story != nullptr && story->needs_ancestry())) {
    std::uint64_t rows = 0;
    const auto go_on = [&] { return ++rows % kRowsBetweenLooks != 0 || patience_.lasts(); };
    MUSHER_CHECK(
        answer_by_ancestry(log_, snapshot_.last, pass.tables(), {pass.seq(), story, pass.authors()}, findings_, go_on));
  }
  if (patience_.ran_out()) {
    skip(Check::seq);
    skip(Check::story);
  } else if (story != nullptr) {
    story->finish();
  }
  return {};
}

AuditReport Audit::report() const {
  AuditReport report;
  report.coverage = coverage_;
  report.coverage.rows = std::max(snapshot_.rows, coverage_.rows_checked);
  if (state_)
    report.coverage.state = state_->matched() && !patience_.ran_out() ? StateOutcome::matched : StateOutcome::failed;
  const bool compared = report.coverage.state == StateOutcome::matched ||
                        report.coverage.state == StateOutcome::failed ||
                        report.coverage.state == StateOutcome::first_run;
  for (std::size_t i = 0; i < kChecks; ++i) {
    const Check check{static_cast<std::uint8_t>(i)};
    const bool run = wants(check) && !skipped_.test(i) && (check != Check::state || compared);
    (run ? report.coverage.checks_run : report.coverage.checks_skipped).push_back(check);
  }
  report.findings = findings_.sorted();
  report.findings_not_kept = findings_.not_kept();
  for (const FindingKind& kind : finding_kinds())
    report.counts[static_cast<std::size_t>(kind.code)] = findings_.count(kind.code);
  report.cancelled = patience_.cancelled();
  report.out_of_time = patience_.out_of_time();
  const bool complete = !patience_.ran_out() && !coverage_.state_problem && (skipped_ & request_.checks).none() &&
                        report.coverage.state != StateOutcome::failed && report.coverage.rows_not_judged == 0 &&
                        !report.coverage.checks_run.empty();
  report.verdict = findings_.has_error() ? AuditVerdict::findings
                   : complete            ? AuditVerdict::ok
                                         : AuditVerdict::incomplete;
  return report;
}

Result<void> Audit::note_run(const AuditPass& pass, AuditReport& report) {
  if (report.verdict != AuditVerdict::ok || !request_.state || !request_.checks.all()) return {};
  const std::uint64_t runs = state_ ? state_->mark().runs + 1 : 1;
  MUSHER_CHECK(write_state(*request_.state, pass.high_water_mark(runs, request_.now_ms)));
  report.state_written = true;
  return {};
}

}  // namespace

Result<AuditReport> verify_order(SqliteOpLog& log, const AuditRequest& request) { return Audit(log, request).run(); }

}  // namespace musher
