#include "audit/state_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "audit/audited_row.hpp"
#include "audit/state_file.hpp"
#include "model/text.hpp"
#include "model/utc.hpp"

namespace musher {

void StateCheck::row(RowId row, const ChainWalk& walk) {
  while (next_sample_ < mark_.samples.size() && mark_.samples[next_sample_].row < row) ++next_sample_;
  if (next_sample_ < mark_.samples.size() && mark_.samples[next_sample_].row == row) {
    const bool same = walk.agrees(mark_.samples[next_sample_++].chain);
    if (same && !differs_at_) same_upto_ = row;
    if (!same && !differs_at_) differs_at_ = row;
  }
  if (row < mark_.row || agrees_) return;
  same_rows_ = row == mark_.row && walk.chain() == mark_.chain;
  agrees_ = row == mark_.row && walk.agrees(mark_.chain);
  break_reported_ = walk.break_reported();
}

void StateCheck::finish(const LogInfo& info, const LogSnapshot& snapshot, const OpTable& ops, RowId last,
                        bool tail_reported) {
  if (mark_.document != info.document) {
    if (findings_.count(FindingCode::wrong_document) == 0) {
      findings_.add({.code = FindingCode::wrong_document,
                     .expected = to_hex(mark_.document.bytes),
                     .found = to_hex(info.document.bytes),
                     .message = "the log says it is of another document than at the last check"},
                    Check::state);
    }
    return;  // nothing else can be the same
  }
  if (last < mark_.row) {
    if (!tail_reported) check_end(last);
  } else if (agrees_ == false) {
    check_prefix(info.path, ops);
  }
  if (!snapshot.trust_changes || last < mark_.row) return;  // the first: derived-stale or schema-altered
  matched_ = check_trust(info.path, *snapshot.trust_changes) && same_rows_;
}

/// Whole as far as it goes: an old copy, or rows and every trace of them taken away.
void StateCheck::check_end(RowId last) {
  findings_.add(
      {.code = FindingCode::log_rolled_back,
       .row = last,
       .expected = std::to_string(raw(mark_.row)),
       .found = std::to_string(raw(last)),
       .message = fmt::format(
           "the log ends at row {}; at the last check ({}) it had {}: an older copy was put in its place{}", raw(last),
           to_utc(mark_.made_ms), raw(mark_.row), differs_at_ ? ", and it has gone another way since" + where() : "")});
}

void StateCheck::check_prefix(const std::string& log_path, const OpTable& ops) {
  if (break_reported_) return;  // a finding of its own lies in the same stretch
  Finding finding{.code = FindingCode::row_replaced, .row = next(same_upto_), .message = {}};
  if (ops.seen(mark_.last_op) == nullptr) {
    finding.code = FindingCode::log_rolled_back;
    finding.expected = to_hex(mark_.last_op.hash);
    finding.message = fmt::format(
        "the log has lost {}, its last at the last check ({}), and has gone another way since{}: an older copy "
        "was put in its place and written to",
        short_name(mark_.last_op), to_utc(mark_.made_ms), where());
  } else {
    finding.message = fmt::format(
        "rows up to {} are not what they were at the last check ({}){}: a row was moved or exchanged, or its "
        "received_ms or source changed",
        raw(mark_.row), to_utc(mark_.made_ms), where());
    if (has_every_op(ops)) {
      finding.hint = fmt::format(
          "musher inspect ops --log {}  # every op of the last check is there: if the log was restored from a backup "
          "since, has caught up from its peers and has no other finding, begin anew: {}",
          shell_word(log_path), begin_anew(file_));
    }
  }
  findings_.add(std::move(finding));
}

/// With each tip that the last run noted comes all that led to it, or a finding of a check that was made.
bool StateCheck::has_every_op(const OpTable& ops) const {
  constexpr FindingCode kOfChecks[] = {FindingCode::id_mismatch, FindingCode::signature_invalid,
                                       FindingCode::dependency_missing};
  if (!std::ranges::all_of(kOfChecks, [&](FindingCode code) { return findings_.wants(code); })) return false;
  return std::ranges::all_of(mark_.tips, [&](const Tip& tip) { return ops.seen(tip.id) != nullptr; });
}

std::string StateCheck::where() const {
  const RowId from = next(same_upto_);
  const RowId upto = differs_at_.value_or(mark_.row);
  return from == upto ? fmt::format(", from row {} on", raw(from))
                      : fmt::format(", from a row between {} and {} on", raw(from), raw(upto));
}

bool StateCheck::check_trust(const std::string& log_path, const std::vector<TrustChange>& changes) {
  if (changes.size() >= mark_.trust_changes && trust_digest(changes, mark_.trust_changes) == mark_.trust) {
    trust_changes_.emplace(changes.begin() + static_cast<std::ptrdiff_t>(mark_.trust_changes), changes.end());
    return true;
  }
  findings_.add({.code = FindingCode::row_replaced,
                 .field = "trust_log",
                 .expected = fmt::format("{} changes", mark_.trust_changes),
                 .found = fmt::format("{} changes", changes.size()),
                 .message = fmt::format("the trust log does not begin with the {} changes of the last check ({})",
                                        mark_.trust_changes, to_utc(mark_.made_ms)),
                 .hint = fmt::format("musher trust list --log {}  # if the log was restored from a backup since: put "
                                     "right whom it trusts, and when that is the only finding left, begin anew: {}",
                                     shell_word(log_path), begin_anew(file_))});
  return false;
}

}  // namespace musher
