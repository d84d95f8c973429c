#include "audit/replay.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "audit/compare.hpp"
#include "audit/naive_replay.hpp"

namespace musher {
namespace {

/// A log in rowid order, with what lists of its stories need.
struct RightReplay {
  LiveDocument live;
  StoryTracker stories;
  std::vector<RowGap> gaps;
  bool cancelled = false;
};

/// How far to read, and the last row that should be there.
struct Extent {
  RowId upto{};
  RowId end{};
};

Result<Extent> extent_of(LogReader& log, const ReplayRequest& request) {
  MUSHER_TRY(const auto given, log.highest_row_ever());  // before the last row: others may append in between
  MUSHER_TRY(const RowId last, log.last_row());
  const RowId upto = std::min(last, request.at.value_or(last));
  const Extent extent{upto, request.at ? upto : std::max(last, given.value_or(last))};
  if (extent.end > RowId{0}) return extent;
  return fail(
      Errc::empty,
      fmt::format("there is nothing to replay: {} has no ops{}", log.info().path,
                  raw(last) > 0 ? " up to that point" : ""),
      raw(last) > 0 ? "musher inspect ops shows when the first came" : "musher put --new STORY FIELD=TEXT writes one");
}

Result<RightReplay> right_replay(LogReader& log, const ReplayRequest& request, const Extent& extent) {
  MUSHER_TRY(auto live, LiveDocument::start(log));
  RightReplay right{std::move(live), {}, {}, false};
  CatchUpOptions options{extent.upto, request.signatures, request.threads, {}, request.on_progress, request.cancel};
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    if (effective) right.stories.note(row);
  };
  MUSHER_CHECK(right.live.catch_up(log, options));
  right.cancelled = request.cancel != nullptr && request.cancel->load();
  right.gaps = right.live.gaps();
  const RowId reached = right.live.last_row();
  if (reached < extent.end && !right.cancelled) right.gaps.push_back({next(reached), extent.end});
  return right;
}

/// Failures as views, those of one story alone where that is asked for.
Result<std::vector<ReplayFailure>> describe(LogReader& log, const TrustPolicy& trust,
                                            const std::vector<RowFailure>& failures,
                                            const std::optional<std::string>& only) {
  std::vector<ReplayFailure> described;
  OpDescriber describer(log, trust);
  for (const RowFailure& failure : failures) {
    ReplayFailure entry{failure.row, std::nullopt, failure.reason, failure.detail};
    if (failure.op) {
      MUSHER_TRY(entry.op, describer.describe(*failure.op, Verified::no));
      if (!failure.op->op.content) entry.op->erased = false;
      if (only && entry.op->story && *entry.op->story != *only) continue;
    }
    described.push_back(std::move(entry));
  }
  return described;
}

void keep_only(std::vector<StoryView>& stories, const std::optional<std::string>& only) {
  if (only) std::erase_if(stories, [&](const StoryView& story) { return story.id != *only; });
}

Result<ReplayReport> report_of(LogReader& log, const RightReplay& right, const ReplayRequest& request) {
  ReplayReport report;
  report.cancelled = right.cancelled;
  report.ops = right.live.counts();
  report.state_digest = right.live.document().state_digest();
  MUSHER_TRY(report.failures, describe(log, right.live.trust(), right.live.failures(), request.story));
  report.gaps = right.gaps;
  report.stories = right.stories.list(right.live.document());
  keep_only(report.stories, request.story);
  return report;
}

Result<void> check_story(LogReader& log, const ReplayRequest& request, std::initializer_list<const Document*> sides) {
  if (!request.story) return {};
  const bool known =
      std::ranges::any_of(sides, [&](const Document* side) { return !side->story(*request.story).empty(); });
  if (known) return {};
  return std::unexpected(no_such_story(log, *request.story, request.at));
}

}  // namespace

Result<ReplayReport> replay(LogReader& log, const ReplayRequest& request) {
  MUSHER_TRY(const Extent extent, extent_of(log, request));
  MUSHER_TRY(auto right, right_replay(log, request, extent));
  MUSHER_CHECK(check_story(log, request, {&right.live.document()}));
  if (request.order == ReplayOrder::rowid) return report_of(log, right, request);

  MUSHER_TRY(auto naive, naive_replay(log, right.live, extent.upto));
  ReplayReport report;
  report.order = ReplayOrder::seq;
  report.cancelled = right.cancelled;
  report.ops = naive.counts;
  report.state_digest = naive.document.state_digest();
  MUSHER_TRY(report.failures, describe(log, right.live.trust(), naive.dropped, request.story));
  report.gaps = right.gaps;
  report.next_seq = register_drift(right.live.document(), naive.document, request.story);
  report.stories = right.stories.list(naive.document);
  keep_only(report.stories, request.story);
  return report;
}

Result<Comparison> compare_with_seq(LogReader& log, const ReplayRequest& request) {
  MUSHER_TRY(const Extent extent, extent_of(log, request));
  MUSHER_TRY(auto right, right_replay(log, request, extent));
  MUSHER_CHECK(check_story(log, request, {&right.live.document()}));
  MUSHER_TRY(auto naive, naive_replay(log, right.live, extent.upto));
  Comparison comparison;
  MUSHER_TRY(comparison.left, report_of(log, right, request));
  comparison.right.with = "seq";
  comparison.right.state_digest = naive.document.state_digest();
  MUSHER_TRY(comparison.right.failures, describe(log, right.live.trust(), naive.dropped, request.story));
  comparison.right.next_seq = register_drift(right.live.document(), naive.document, request.story);
  comparison.right.differences = differences(right.live.document(), naive.document, request.story);
  comparison.right.same = comparison.left.state_digest == comparison.right.state_digest;
  return comparison;
}

Result<Comparison> compare_with_log(LogReader& log, LogReader& other, const ReplayRequest& request) {
  if (log.info().document != other.info().document) {
    return fail(Errc::usage,
                fmt::format("{} and {} are logs of different documents", log.info().path, other.info().path),
                "compare two logs of one document; musher inspect summary shows a log's document");
  }
  MUSHER_TRY(const Extent extent, extent_of(log, request));
  MUSHER_TRY(auto left, right_replay(log, request, extent));
  ReplayRequest whole = request;
  whole.at.reset();  // a point in time means something in one log only
  MUSHER_TRY(const Extent other_extent, extent_of(other, whole));
  MUSHER_TRY(auto right, right_replay(other, whole, other_extent));
  MUSHER_CHECK(check_story(log, request, {&left.live.document(), &right.live.document()}));
  Comparison comparison;
  MUSHER_TRY(comparison.left, report_of(log, left, request));
  comparison.right.with = other.info().path;
  comparison.right.state_digest = right.live.document().state_digest();
  MUSHER_TRY(comparison.right.failures, describe(other, right.live.trust(), right.live.failures(), request.story));
  comparison.right.gaps = right.gaps;
  comparison.right.differences = differences(left.live.document(), right.live.document(), request.story);
  comparison.right.same = comparison.left.state_digest == comparison.right.state_digest;
  return comparison;
}

Result<Comparison> compare_with_memory(LogReader& log, const LiveDocument& fresh, const LiveDocument& memory) {
  Comparison comparison;
  comparison.left.ops = fresh.counts();
  comparison.left.state_digest = fresh.document().state_digest();
  MUSHER_TRY(comparison.left.failures, describe(log, fresh.trust(), fresh.failures(), std::nullopt));
  comparison.left.gaps = fresh.gaps();
  comparison.right.with = "live";
  comparison.right.state_digest = memory.document().state_digest();
  MUSHER_TRY(comparison.right.failures, describe(log, memory.trust(), memory.failures(), std::nullopt));
  comparison.right.gaps = memory.gaps();
  comparison.right.differences = differences(fresh.document(), memory.document(), std::nullopt);
  comparison.right.same = comparison.left.state_digest == comparison.right.state_digest;
  return comparison;
}

}  // namespace musher
