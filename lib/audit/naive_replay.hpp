#pragma once
// The replay of the incident: what the server made of its log when it read it ORDER BY seq.

#include <vector>

#include "replica/live_document.hpp"

namespace musher {

struct NaiveReplay {
  Document document;
  std::vector<RowFailure> dropped;
  ReplayCounts counts;
};

/// Replays rows up to `upto` in (seq, rowid) order. `right` is the same log in rowid order: it lends its trust and its
/// DAG, so that order is the only difference. It must outlive the result. Memory: 16 bytes an op beside the document.
[[nodiscard]] Result<NaiveReplay> naive_replay(LogReader& log, const LiveDocument& right, RowId upto);

}  // namespace musher
