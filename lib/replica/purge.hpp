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
  std::optional<std::string> stage;  ///< the field `stage` of the shown item is this text
  std::optional<std::int64_t>
      received_before;  ///< no effective op of the story was received at or after this (ms since 1970)
};

enum class PurgeStatus : std::uint8_t { would_purge, purged, already_purged };

struct PurgedStory {
  std::string story;
  PurgeStatus status = PurgeStatus::would_purge;
  std::vector<OpId> items;     ///< would_purge, purged: the visible ones. already_purged: all
  std::vector<OpView> ops;     ///< purged: one delete an item. already_purged: the old op. would_purge: none yet
  std::optional<AuthorId> by;  ///< of the removal, when there is one
  std::optional<std::int64_t> time_ms;
  std::optional<std::string> reason;
};

/// What a purge would do to the log as it is now. Sorted as named, or by list order for filters.
struct PurgePlan {
  std::vector<PurgedStory> stories;
  std::optional<std::string> reason;

  /// How many stories it would take out.
  [[nodiscard]] std::size_t to_purge() const;
};

struct PurgeReport {
  std::vector<PurgedStory> stories;
  bool dry_run = false;
};

/// Reads only. All or nothing: one unknown story and there is no plan.
/// @errors usage: neither names nor filters, both, or a name twice.  not_found: a story that never was (candidates).
///   damaged: a row of a story does not hold.  busy, io.
[[nodiscard]] Result<PurgePlan> plan_purge(LogReader& log, const PurgeSelection& selection,
                                           std::optional<std::string> reason);

/// Carries the plan out in one transaction, on the log as it is then: items that were inserted since the plan was made
/// go too, and a story somebody else purged meanwhile is reported as already_purged. Durable when it returns; running
/// it again changes nothing.
/// @errors as OwnWrite::begin and commit, and plan_purge's.
[[nodiscard]] Result<PurgeReport> execute(Replica& replica, const PurgePlan& plan);

/// Every story that was taken out and has not come back, by story id.
[[nodiscard]] Result<std::vector<PurgedStory>> list_purged(LogReader& log);

}  // namespace musher
