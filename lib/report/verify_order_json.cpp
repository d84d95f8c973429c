#include "report/verify_order_json.hpp"

namespace musher {
namespace {

void write_text_or_null(JsonWriter& json, std::string_view key, const std::optional<std::string>& text) {
  json.key(key);
  if (text)
    json.string(*text);
  else
    json.null();
}

void write_checks(JsonWriter& json, std::string_view key, const std::vector<Check>& checks) {
  json.key(key).begin_array();
  for (const Check check : checks) json.string(to_string(check));
  json.end_array();
}

void write_trust_change(JsonWriter& json, const TrustChange& change) {
  json.begin_object();
  json.key("at").time(change.at_ms);
  json.key("who").string(change.who);
  json.key("action").string(change.action);
  json.key("author").id(change.after.author);
  json.key("name").string(change.after.name);
  json.key("trust").string(change.after.trust == Trust::allowed ? "allowed" : "revoked");
  json.key("eraser").boolean(change.after.eraser);
  json.end_object();
}

void write_coverage(JsonWriter& json, const AuditCoverage& coverage) {
  json.key("coverage").begin_object();
  json.key("rows").number(coverage.rows);
  json.key("rows_checked").number(coverage.rows_checked);
  json.key("signatures_checked").number(coverage.signatures_checked);
  json.key("signatures_from_checkpoint").number(coverage.signatures_from_checkpoint);
  json.key("rowid_from").decimal(coverage.rowid_from);
  json.key("rowid_to").decimal(coverage.rowid_to);
  write_checks(json, "checks_run", coverage.checks_run);
  write_checks(json, "checks_skipped", coverage.checks_skipped);
  json.key("state").string(to_string(coverage.state));
  if (coverage.state_problem) json.key("state_problem").string(coverage.state_problem->what);
  if (coverage.states_of_other_logs > 0) json.key("states_of_other_logs").number(coverage.states_of_other_logs);
  if (coverage.trust_changes) {
    json.key("trust_changes").begin_array();
    for (const TrustChange& change : *coverage.trust_changes) write_trust_change(json, change);
    json.end_array();
  }
  if (coverage.state_not_compared) json.key("state_not_compared").string(*coverage.state_not_compared);
  if (coverage.rows_not_judged > 0) json.key("rows_not_judged").number(coverage.rows_not_judged);
  json.end_object();
}

void write_finding(JsonWriter& json, const Finding& finding) {
  json.begin_object();
  json.key("code").string(kind_of(finding.code).name);
  json.key("severity").string(to_string(finding.severity()));
  json.key("rowid");
  if (finding.row)
    json.decimal(*finding.row);
  else
    json.null();
  json.key("op_id");
  if (finding.op)
    json.id(*finding.op);
  else
    json.null();
  write_text_or_null(json, "story_id", finding.story);
  write_text_or_null(json, "field", finding.field);
  write_text_or_null(json, "expected", finding.expected);
  write_text_or_null(json, "found", finding.found);
  json.key("message").string(finding.message);
  json.key("hint").string(finding.hint);
  json.key("acknowledged").boolean(finding.acknowledged);
  json.end_object();
}

}  // namespace

std::string_view to_string(AuditVerdict verdict) {
  switch (verdict) {
    case AuditVerdict::ok: return "ok";
    case AuditVerdict::findings: return "findings";
    case AuditVerdict::incomplete: break;
  }
  return "incomplete";
}

std::string_view to_string(StateOutcome state) {
  switch (state) {
    case StateOutcome::none: return "none";
    case StateOutcome::first_run: return "first_run";
    case StateOutcome::matched: return "matched";
    case StateOutcome::failed: break;
  }
  return "failed";
}

void write_verify_order(JsonWriter& json, const Envelope& envelope, const AuditReport& report) {
  json.begin_object();
  write_envelope(json, envelope);
  write_coverage(json, report.coverage);
  json.key("findings").begin_array();
  for (const Finding& finding : report.findings) write_finding(json, finding);
  json.end_array();
  json.key("findings_left_out").number(report.findings_not_kept);
  json.end_object();
  json.end_line();
}

}  // namespace musher
