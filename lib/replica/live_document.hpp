#pragma once
// A document in memory that follows its log: what a replay builds, and what a live server holds.

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "document/causal_index.hpp"
#include "document/document.hpp"
#include "replica/row_failure.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

struct CatchUpOptions {
  RowId upto{std::numeric_limits<std::int64_t>::max()};  ///< not past this row
  Signatures signatures = Signatures::skip;              ///< ids and content digests are always checked
  unsigned threads = 0;                                  ///< see ScanOptions
  /// Each applied op once, in rowid order, with whether it is heard; may be empty.
  std::function<void(const OpRow& row, Applied outcome, bool effective)> on_applied;
  std::function<void(std::uint64_t rows)> on_progress;  ///< rows read so far; may be empty
  const std::atomic<bool>* cancel = nullptr;
  KnownSignatures* known = nullptr;  ///< see ScanOptions
  /// Not more than these; but all, when trust has changed.
  std::uint64_t most_rows = std::numeric_limits<std::uint64_t>::max();
};

/// Row numbers that were given out and are not there: the rows were deleted or moved. Nobody else may miss their ops.
struct RowGap {
  RowId first{};
  RowId last{};
  bool operator==(const RowGap&) const = default;
};

struct ReplayCounts {
  std::uint64_t read = 0;
  std::uint64_t applied = 0;
  std::uint64_t failed = 0;
  std::uint64_t signatures_checked = 0;
  bool operator==(const ReplayCounts&) const = default;
};

class LiveDocument {
 public:
  /// An empty document under the trust the log has now.
  [[nodiscard]] static Result<LiveDocument> start(LogReader& log);

  /// Applies the rows behind the last one applied. A row that cannot be applied is noted in failures() and passed over.
  /// When trust has changed since, the document is built again from the first row.
  Result<void> catch_up(LogReader& log, const CatchUpOptions& options = {});

  [[nodiscard]] const Document& document() const { return *document_; }
  [[nodiscard]] const CausalIndex& index() const { return *index_; }
  [[nodiscard]] const TrustPolicy& trust() const { return trust_; }
  /// How often trust has changed since the start.
  [[nodiscard]] std::uint64_t trust_changes() const { return trust_changes_; }
  [[nodiscard]] RowId last_row() const { return last_row_; }
  [[nodiscard]] const ReplayCounts& counts() const { return counts_; }
  [[nodiscard]] const std::vector<RowFailure>& failures() const { return failures_; }
  /// Before last_row().
  [[nodiscard]] const std::vector<RowGap>& gaps() const { return gaps_; }

 private:
  LiveDocument();
  Result<void> apply(CheckedRow&& checked, const CatchUpOptions& options);

  std::unique_ptr<CausalIndex> index_;  // a pointer: the document refers to it
  std::unique_ptr<Document> document_;
  TrustPolicy trust_;
  std::uint64_t trust_changes_ = 0;
  RowId last_row_{};
  ReplayCounts counts_;
  std::vector<RowFailure> failures_;
  std::vector<RowGap> gaps_;
};

}  // namespace musher
