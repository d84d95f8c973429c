#include "audit/audit_pass.hpp"

#include <fmt/format.h>

#include <limits>

#include "audit/derived_check.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr RowId kAfterAll{std::numeric_limits<std::int64_t>::max()};

std::optional<ContentCheck::Erasers> erasers_of(const LogSnapshot& snapshot) {
  if (!snapshot.authors || !snapshot.trust_changes) return std::nullopt;
  ContentCheck::Erasers erasers;
  const auto note = [&](const AuthorRecord& record) {
    if (record.eraser) erasers.insert(record.author);
  };
  for (const TrustChange& change : *snapshot.trust_changes) note(change.after);
  for (const AuthorRecord& record : *snapshot.authors) note(record);
  return erasers;
}

}  // namespace

AuditPass::AuditPass(SqliteOpLog& log, const LogSnapshot& snapshot, StateCheck* state, std::int64_t now_ms,
                     SignatureCheck signatures, FindingList& findings)
    : log_(log),
      snapshot_(snapshot),
      state_(state),
      findings_(findings),
      verifier_(log.info().document, signatures),
      sample_distance_(sample_distance(snapshot.last)),
      order_(tables_, losses_, findings),
      authors_(tables_, findings),
      content_(tables_, losses_, erasers_of(snapshot), findings),
      clock_(tables_, findings, now_ms),
      story_(tables_, findings),
      chain_(log.info().log, snapshot.marks.value_or(std::vector<Mark>{}), findings),
      trust_unknown_(!snapshot.trust) {
  if (snapshot.authors && snapshot.trust_changes)
    admission_.emplace(tables_, findings, *snapshot.authors, *snapshot.trust_changes);
}

Result<void> AuditPass::row(CheckedRow&& checked) {
  const RowJudgement judgement = judge_row(checked, verifier_);
  last_ = std::visit([](const auto& either) { return either.row; }, checked.row);
  ++rows_;
  if (!order_.next_row(last_)) chain_.expect_loss();
  chain_.next_row(last_);
  if (judgement.code) report(checked, judgement);
  if (const auto* bad = std::get_if<MalformedRow>(&checked.row)) {
    malformed(*bad, judgement);
    return {};
  }
  const OpRow& row = std::get<OpRow>(checked.row);
  const OpId& id = *judgement.id;
  last_op_ = id;
  if (judgement.of_another_document) ++rows_of_another_document_;
  const auto entered = order_.enter(id, row.row);
  if (!judgement.chain_holds) expect_break(*judgement.code);
  if (entered == OrderCheck::Entered::late) expect_break(FindingCode::dependency_later);
  if (entered == OrderCheck::Entered::again) expect_break(judgement.code.value_or(FindingCode::index_back));
  Result<void> checked_well;
  if (entered == OrderCheck::Entered::again) {
    if (!judgement.code) report_again(row, id);
  } else {
    const EntryNumber number = tables_.ops.find(id);
    fill_entry(row, number, judgement);
    if (judgement.reliable) checked_well = reliable_row(row, number, judgement);
  }
  walk(row, judgement);
  return checked_well;
}

void AuditPass::malformed(const MalformedRow& row, const RowJudgement& judgement) {
  expect_break(*judgement.code);
  chain_.malformed(row.row);
  if (judgement.id) order_.enter(*judgement.id, row.row);
  set_aside(row.row, *judgement.code);
  if (!findings_.wants(*judgement.code)) return;
  if (judgement.id)
    content_.doubt_erase(row.row);
  else
    losses_.add(row.row, 1);
}

/// Only what has a finding of its own excuses what follows from it.
void AuditPass::expect_break(FindingCode cause) {
  if (findings_.wants(cause)) chain_.expect_break();
}

/// Nothing that the row says can be believed.
void AuditPass::set_aside(RowId row, FindingCode cause) {
  if (findings_.wants(cause))
    losses_.doubt(row);
  else
    ++rows_not_judged_;
}

void AuditPass::report(const CheckedRow& checked, const RowJudgement& judgement) {
  Finding finding{.code = *judgement.code, .row = last_, .op = judgement.id, .message = {}};
  if (const auto* row = std::get_if<OpRow>(&checked.row)) {
    finding =
        finding_at(*judgement.code, {.stored = *row, .id = *judgement.id, .number = kNoEntry, .own = {}}, tables_);
  }
  finding.expected = judgement.expected;
  finding.found = judgement.found;
  finding.message = fmt::format("row {} {}", raw(last_), judgement.why);
  findings_.add(std::move(finding));
}

void AuditPass::report_again(const OpRow& row, const OpId& id) {
  const OpEntry& first = tables_.ops[tables_.ops.find(id)];
  Finding finding =
      finding_at(FindingCode::index_back, {.stored = row, .id = id, .number = kNoEntry, .own = {}}, tables_);
  finding.found = std::to_string(raw(row.op.op.index));
  finding.message = fmt::format("row {} holds {} a second time; it stands in row {} already", raw(row.row),
                                short_name(id), raw(first.row));
  findings_.add(std::move(finding));
}

void AuditPass::fill_entry(const OpRow& row, EntryNumber number, const RowJudgement& judgement) {
  const Op& op = row.op.op;
  OpEntry& entry = tables_.ops[number];
  entry.depth = row.depth;
  if (!judgement.reliable) {
    set_aside(row.row, *judgement.code);
    if (findings_.wants(*judgement.code)) content_.doubt(row);
    return;
  }
  entry.reliable = true;
  entry.kind = op.kind;
  entry.index = op.index;
  entry.author = tables_.authors.number_of(op.author);
  if (op.kind == OpKind::insert) entry.extra = tables_.stories.number_of(op.name);
}

Result<void> AuditPass::reliable_row(const OpRow& row, EntryNumber number, const RowJudgement& judgement) {
  AuditedRow audited{
      .stored = row, .id = *judgement.id, .number = number, .authentic = judgement.authentic, .own = judgement.code};
  audited.effective = is_effective(row, audited.id);
  if (!order_.row(audited)) expect_break(FindingCode::dependency_later);
  authors_.row(audited);
  content_.row(audited);
  if (!audited.authentic) return {};
  OpEntry& entry = tables_.ops[number];
  entry.counts = judgement.code != FindingCode::seq_out_of_bounds && raw(row.op.op.seq) <= raw(entry.depth);
  if (entry.counts) seq_.row(audited, tables_);
  if (audited.effective) story_.row(audited);
  if (admission_) admission_->row(audited);
  clock_.row(audited);
  return {};
}

/// Damage to an index can keep this from being told: then it is not, and the rest is checked.
bool AuditPass::is_effective(const OpRow& row, const OpId& id) const {
  return !trust_unknown_ && snapshot_.trust->effective(id, row.op.op);
}

void AuditPass::walk(const OpRow& row, const RowJudgement& judgement) {
  chain_.row(row, *judgement.id, judgement.reliable || !findings_.wants(*judgement.code));
  if (state_ != nullptr) state_->row(row.row, chain_);
  if (const auto chain = chain_.chain(); chain && raw(row.row) % sample_distance_ == 0)
    samples_.push_back({row.row, *chain});
}

void AuditPass::below_the_first(const ScannedRow& scanned) {
  const RowId at = std::visit([](const auto& either) { return either.row; }, scanned);
  Finding finding{.code = FindingCode::row_malformed, .row = at, .message = {}};
  if (const auto* row = std::get_if<OpRow>(&scanned)) {
    finding.op = row->id;
    order_.enter(row->id, at);
  }
  finding.message =
      fmt::format("row {} is below row 1, where a log begins: no reader of the log would see it", raw(at));
  findings_.add(std::move(finding));
  ++rows_;
}

void AuditPass::unreadable(RowId first, RowId last) {
  const std::uint64_t rows = static_cast<std::uint64_t>(raw(last) - raw(first)) + 1;
  if (findings_.wants(FindingCode::sqlite_corrupt))
    chain_.expect_loss();
  else
    rows_not_judged_ += rows;
  order_.unreadable(first, last);
  last_ = last;
  unreadable_rows_ += rows;
  const std::string which =
      first == last ? fmt::format("row {}", raw(first)) : fmt::format("rows {} to {}", raw(first), raw(last));
  findings_.add({.code = FindingCode::sqlite_corrupt,
                 .row = first,
                 .message = fmt::format("{} cannot be read: the pages that hold them are damaged", which)});
}

Result<void> AuditPass::finish() {
  const bool tail_lost = check_tail();
  if (snapshot_.marks) chain_.finish(tail_lost);
  const std::uint64_t explained = order_.finish();
  MUSHER_CHECK(content_.finish(log_, last_));
  if (admission_) admission_->finish();
  clock_.finish();
  DerivedCheck derived(tables_, losses_, losses_.before(kAfterAll) - explained, findings_);
  if (snapshot_.heads) derived.heads(*snapshot_.heads);
  if (snapshot_.tips) derived.tips(*snapshot_.tips);
  if (snapshot_.authors && snapshot_.trust_changes) derived.authors(*snapshot_.authors, *snapshot_.trust_changes);
  derived.count_heads();
  check_whole_document();
  if (state_ != nullptr) state_->finish(log_.info(), snapshot_, tables_.ops, last_, tail_lost);
  return {};
}

/// Damage to one column hits one row. When nothing but the document's id keeps every signed id from being right, it is
/// that.
void AuditPass::check_whole_document() {
  if (rows_ < 2 || rows_of_another_document_ != rows_) return;
  findings_.take_back(FindingCode::id_mismatch);
  findings_.add(
      {.code = FindingCode::wrong_document,
       .found = to_hex(log_.info().document.bytes),
       .message = fmt::format(
           "none of the {} ops, each signed by its author, is of the document that the log says it holds: its "
           "meta row was changed, or its rows come from another log",
           rows_)});
}

/// What the file remembers of rows behind its last one. Whether it does, and a finding says that the tail is lost.
bool AuditPass::check_tail() {
  const RowId marked = snapshot_.marks && !snapshot_.marks->empty() ? snapshot_.marks->back().row : RowId{0};
  const RowId highest = snapshot_.highest.value_or(RowId{0});
  if (highest > last_) return order_.tail_missing(highest);
  if (highest < last_) {  // SQLite itself never lets that happen
    if (marked > last_) return order_.tail_missing(marked);
    findings_.add({.code = FindingCode::derived_stale,
                   .field = "sqlite_sequence",
                   .expected = std::to_string(raw(last_)),
                   .found = std::to_string(raw(highest)),
                   .message = fmt::format(
                       "SQLite's own table of row numbers says {} where the last row is {}: it was changed by hand",
                       raw(highest), raw(last_))});
  } else if (marked > last_) {
    findings_.add({.code = FindingCode::derived_stale,
                   .field = "marks",
                   .expected = std::to_string(raw(last_)),
                   .found = std::to_string(raw(marked)),
                   .message = fmt::format("there is a mark of row {}, and the log never had more than {} rows",
                                          raw(marked), raw(last_))});
  }
  return false;
}

HighWaterMark AuditPass::high_water_mark(std::uint64_t runs, std::int64_t now_ms) const {
  HighWaterMark mark;
  mark.log = log_.info().log;
  mark.document = log_.info().document;
  mark.made_ms = now_ms;
  mark.runs = runs;
  mark.ops = rows_;
  mark.row = last_;
  mark.last_op = last_op_;
  mark.chain = *chain_.chain();  // there was no error, so nothing was broken
  mark.trust_changes = snapshot_.trust_changes->size();
  mark.trust = trust_digest(*snapshot_.trust_changes, mark.trust_changes);
  mark.heads = *snapshot_.heads;
  mark.tips = *snapshot_.tips;
  mark.samples = samples_;
  return mark;
}

}  // namespace musher
