#pragma once
// Replay: the whole document built again from the log, in the order it was admitted or in the incident's, and compared.

#include <optional>
#include <string>
#include <vector>

#include "replica/inspect.hpp"
#include "replica/live_document.hpp"

namespace musher {

enum class ReplayOrder : std::uint8_t {
  rowid,  ///< causal order: the only right one
  seq,    ///< the incident's: ORDER BY seq, rowid; no check of dependency, signature or seq; what has no target is
          ///< dropped
};

struct ReplayFailure {
  RowId row{};
  std::optional<OpView> op;  ///< absent when the row's columns cannot be an op
  std::string reason;        ///< see RowFailure
  std::string detail;
};

/// One register whose next seq a naive replay gets wrong.
struct RegisterDrift {
  std::string story;
  std::string field;
  Seq naive{};
  Seq right{};
};

struct ReplayReport {
  ReplayOrder order = ReplayOrder::rowid;
  bool cancelled = false;
  ReplayCounts ops;
  Digest state_digest;
  std::vector<ReplayFailure> failures;
  std::vector<RowGap> gaps;             ///< up to the point asked for; without one, also rows cut off at the end
  std::vector<RegisterDrift> next_seq;  ///< order seq: registers where the two differ
  std::vector<StoryView> stories;

  [[nodiscard]] bool ok() const { return failures.empty() && gaps.empty() && !cancelled; }
};

/// Where two documents differ in what views show: one field of one story, or a story that only one has.
struct StateDifference {
  std::string story;
  std::optional<std::string> field;  ///< absent: the whole story is on one side only
  std::optional<std::string> left;   ///< canonical JSON; absent when erased or not there
  std::optional<std::string> right;
  bool left_present = false;
  bool right_present = false;
  std::optional<OpId> op;  ///< the op that made the side that is right: the one the other side lost or lacks
};

struct CompareReport {
  std::string with;  ///< "seq", "live" or the other log's path
  Digest state_digest;
  std::vector<ReplayFailure> failures;  ///< of the other side
  std::vector<RowGap> gaps;             ///< of the other log or of memory
  std::vector<RegisterDrift> next_seq;  ///< with seq
  std::vector<StateDifference> differences;
  bool same = false;  ///< the state digests are equal
};

struct ReplayRequest {
  ReplayOrder order = ReplayOrder::rowid;
  std::optional<RowId> at;
  std::optional<std::string> story;  ///< only this story in lists; the whole log is replayed all the same
  Signatures signatures = Signatures::check;
  unsigned threads = 0;
  std::function<void(std::uint64_t rows)> on_progress;
  const std::atomic<bool>* cancel = nullptr;
};

/// @errors empty: no ops up to that point.  not_found: the story is in neither side.  io, busy.
[[nodiscard]] Result<ReplayReport> replay(LogReader& log, const ReplayRequest& request);

struct Comparison {
  ReplayReport left;  ///< `log` in rowid order
  CompareReport right;

  /// One document, and nothing of either side was missing or could not be applied.
  [[nodiscard]] bool same() const { return right.same && left.ok() && right.failures.empty() && right.gaps.empty(); }
};
/// `log` in rowid order against itself in seq order.
[[nodiscard]] Result<Comparison> compare_with_seq(LogReader& log, const ReplayRequest& request);
/// `log` against another log, both in rowid order, each under its own trust.
/// @errors usage: the two are of different documents.
[[nodiscard]] Result<Comparison> compare_with_log(LogReader& log, LogReader& other, const ReplayRequest& request);
/// `fresh`, just replayed from `log`, against `memory`, which has followed it to the same row.
[[nodiscard]] Result<Comparison> compare_with_memory(LogReader& log, const LiveDocument& fresh,
                                                     const LiveDocument& memory);

}  // namespace musher
