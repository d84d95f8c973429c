#include "replica/live_document.hpp"

#include <algorithm>

namespace musher {

LiveDocument::LiveDocument()
    : index_(std::make_unique<CausalIndex>()), document_(std::make_unique<Document>(*index_)) {}

Result<LiveDocument> LiveDocument::start(LogReader& log) {
  LiveDocument live;
  MUSHER_TRY(live.trust_, TrustPolicy::read(log));
  return live;
}

Result<void> LiveDocument::catch_up(LogReader& log, const CatchUpOptions& options) {
  MUSHER_TRY(const RowId newest, log.last_row());
  MUSHER_TRY(auto trust, TrustPolicy::read(log, &trust_));  // after it: it knows every branch up to that row
  std::uint64_t left = options.most_rows;
  if (trust != trust_) {
    left = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t changes = trust_changes_ + 1;
    *this = LiveDocument();
    trust_changes_ = changes;
  }
  trust_ = std::move(trust);
  const RowId upto = std::min(newest, options.upto);
  const ScanOptions scan{last_row_, upto, options.signatures, options.threads, options.cancel, options.known};
  Result<void> applied;
  MUSHER_CHECK(checked_scan(log, scan, [&](CheckedRow&& row) {
    applied = apply(std::move(row), options);
    return applied.has_value() && --left > 0;
  }));
  return applied;
}

Result<void> LiveDocument::apply(CheckedRow&& checked, const CatchUpOptions& options) {
  ++counts_.read;
  if (checked.signature_checked) ++counts_.signatures_checked;
  const RowId row_number = std::visit([](const auto& row) { return row.row; }, checked.row);
  if (row_number != next(last_row_)) gaps_.push_back({next(last_row_), RowId{raw(row_number) - 1}});
  last_row_ = row_number;
  if (options.on_progress) options.on_progress(counts_.read);

  std::optional<RowFailure> failure = failure_of(checked);
  if (!failure) {
    const OpRow& row = std::get<OpRow>(checked.row);
    if (!index_->add(row.id, row.op.op)) {
      failure = RowFailure{row.row, row, "dependency_missing", ""};
    } else {
      const bool effective = trust_.effective(row.id, row.op.op);
      MUSHER_TRY(const Applied outcome,
                 document_->apply({row.id, row.op.op, row.op.content, effective, trust_.is_eraser(row.op.op.author)}));
      if (outcome == Applied::target_missing) {
        failure = RowFailure{row.row, row, "target_missing", ""};
      } else {
        ++counts_.applied;
        if (options.on_applied) options.on_applied(row, outcome, effective);
      }
    }
  }
  if (failure) {
    ++counts_.failed;
    failures_.push_back(*std::move(failure));
  }
  return {};
}

}  // namespace musher
