#pragma once
// Taking stories out of the document, for ever, by signed deletes. Two steps: a plan that anyone may look at, and its
// execution.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replica/op_view.hpp"
#include "replica/replica.hpp"

namespace musher {

/// Which stories: those named, or those that match every filter given. Not both.
struct PurgeSelection {
  std::vector<std::string> stories;
  std::optional<std::string> stage;               ///< as StoryFilter
  std::optional<std::int64_t> received_before{};  ///< as StoryFilter
};

enum class PurgeStatus : std::uint8_t { would_purge, purged, already_purged };

struct PurgedStory {
  std::string story;
  PurgeStatus status = PurgeStatus::would_purge;
  /// would_purge, purged: the visible ones, or of a story that was only deleted, those that were. already_purged: all
  std::vector<OpId> items;
  std::vector<OpView> ops;     ///< purged: one delete an item, or in all (kMostItemsEach). already_purged: the old op.
                               ///< would_purge: none yet
  std::optional<AuthorId> by;  ///< of the removal, when there is one
  std::optional<std::int64_t> time_ms;
  std::optional<std::string> reason;
};

/// What a purge would do to the log as it is now. Sorted as named, or by list order for filters.
struct PurgePlan {
  PurgeSelection selection;
  std::vector<PurgedStory> stories;
  std::optional<std::string> reason;

  /// How many stories it would take out.
  [[nodiscard]] std::size_t to_purge() const;
};

struct PurgeReport {
  std::vector<PurgedStory> stories;
  bool dry_run = false;
  std::vector<std::string> left_out{};  ///< planned by a filter that they no longer matched: nothing was done to them
};

/// Reads only. All or nothing: one unknown story and there is no plan.
/// @errors usage: neither names nor filters, both, or a name twice.  not_found: a story that never was (candidates).
///   damaged: a row of a story does not hold, as far as its contents are not looked at: execute() checks those it
///   builds on.  busy, io.
[[nodiscard]] Result<PurgePlan> plan_purge(LogReader& log, const PurgeSelection& selection,
                                           std::optional<std::string> reason);

/// Carries the plan out in one transaction, on the log as it is then: items that were inserted since the plan was made
/// go too, a story somebody else purged meanwhile is reported as already_purged, and one that no longer matches the
/// filters is left out, with a warning. Durable when it returns; running it again changes nothing.
/// @errors refused: a named story was planned as already_purged and is live again: nothing is purged that nobody
///   confirmed.  As OwnWrite::begin and commit, and plan_purge's.
[[nodiscard]] Result<PurgeReport> execute(Replica& replica, const PurgePlan& plan);

/// Every story that was taken out and has not come back, by story id.
[[nodiscard]] Result<std::vector<PurgedStory>> list_purged(LogReader& log);

}  // namespace musher
