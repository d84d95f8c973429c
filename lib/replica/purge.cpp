#include "replica/purge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <span>

#include "document/purges.hpp"
#include "model/canonical_json.hpp"
#include "model/text.hpp"
#include "replica/ancestor_walk.hpp"
#include "replica/live_document.hpp"
#include "replica/removal.hpp"
#include "replica/story_filter.hpp"

namespace musher {
namespace {

/// Items that a delete hides and no purge does: an insert on another node would bring the story back.
Result<std::vector<OpId>> only_deleted(LogReader& log, const Story& story) {
  std::vector<OpId> found;
  const LogAncestry ancestry(log);
  Purges purges;
  for (const OpId& purge : story.purges) MUSHER_CHECK(purges.add(purge, ancestry));
  for (const ItemState& item : story.items) {
    const HeardRow* insert = story.row_of(item.id);
    if (item.visible || insert == nullptr || !insert->effective) continue;
    MUSHER_TRY(const bool purged, purges.hide(item.id, ancestry));
    if (!purged) found.push_back(item.id);
  }
  return found;
}

Result<PurgedStory> removed(LogReader& log, const TrustPolicy& trust, const Story& story) {
  const HeardRow& removal = *story.removal();
  PurgedStory gone{.story = story.id,
                   .status = PurgeStatus::already_purged,
                   .items = {},
                   .ops = {},
                   .by = removal.row.op.op.author,
                   .time_ms = removal.row.op.op.time_ms,
                   .reason = reason_of(removal.row)};
  for (const ItemState& item : story.items) gone.items.push_back(item.id);
  OpDescriber describer(log, trust);
  MUSHER_TRY(auto view, describer.describe(removal));
  gone.ops.push_back(std::move(view));
  return gone;
}

Result<Story> read_story(LogReader& log, const TrustPolicy& trust, std::string_view id, StoryPart part) {
  MUSHER_TRY(const RowId last, log.last_row());
  MUSHER_TRY(auto story, part == StoryPart::all ? load_story(log, trust, id, last, Signatures::skip)
                                                : load_presence(log, trust, id, last));
  if (!story.failures.empty()) return damaged_story(log, story);
  if (!story.was_inserted()) return std::unexpected(no_such_story(log, id));
  return story;
}

Result<PurgedStory> plan_story(LogReader& log, const TrustPolicy& trust, const Story& story) {
  PurgedStory planned{.story = story.id, .items = {}, .ops = {}, .by = {}, .time_ms = {}, .reason = {}};
  for (const ItemState& item : story.items) {
    if (item.visible) planned.items.push_back(item.id);
  }
  if (story.is_live()) return planned;
  MUSHER_TRY(planned.items, only_deleted(log, story));
  if (!planned.items.empty()) return planned;
  // Its items are there but muted: nobody is shown it, and nothing needs to be taken out.
  if (story.purges.empty()) return muted_story(log, trust, story, Errc::not_found);
  return removed(log, trust, story);
}

StoryFilter filter_of(const PurgeSelection& selection) { return {selection.stage, selection.received_before}; }

Result<void> purge_items(OwnWrite& write, const std::optional<std::string>& reason, PurgedStory& story) {
  std::optional<std::string> content;
  if (reason) {
    const auto text = canonical_string(*reason);
    const auto object = text ? canonical_object({{"reason", *text}}) : std::unexpected(text.error());
    if (!object) return fail(Errc::usage, "the reason is not text: " + object.error().why, "--reason TEXT in UTF-8");
    content = *object;
  }
  OpDescriber describer(write.log(), write.trust());
  const bool each = story.items.size() <= kMostItemsEach;  // else one hides them all: none of them descends from it
  for (const OpId& item : std::span(story.items).first(each ? story.items.size() : 1)) {
    MUSHER_TRY(auto row, write.append({OpKind::tombstone, item, story.story, content, {}}));
    story.by = row.op.op.author;
    story.time_ms = row.op.op.time_ms;
    story.reason = reason;
    MUSHER_TRY(auto view, describer.describe(std::move(row), Verified::now));
    story.ops.push_back(std::move(view));
  }
  story.status = PurgeStatus::purged;
  return {};
}

}  // namespace

std::size_t PurgePlan::to_purge() const {
  return static_cast<std::size_t>(std::ranges::count(stories, PurgeStatus::would_purge, &PurgedStory::status));
}

Result<PurgePlan> plan_purge(LogReader& log, const PurgeSelection& selection, std::optional<std::string> reason) {
  const bool filtered = filter_of(selection).is_set();
  if (filtered != selection.stories.empty()) {
    return fail(Errc::usage, filtered ? "stories are named and filters given" : "no story is named",
                "name stories, or choose them with --stage and --older-than");
  }
  std::vector<std::string> wanted = selection.stories;
  if (filtered) {
    MUSHER_TRY(wanted, matching_stories(log, filter_of(selection)));
  }
  std::set<std::string_view> seen;
  PurgePlan plan{selection, {}, std::move(reason)};
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  for (const std::string& id : wanted) {
    MUSHER_CHECK(check_story_id(id));
    if (!seen.insert(id).second) continue;
    MUSHER_TRY(const Story story, read_story(log, trust, id, StoryPart::presence));
    MUSHER_TRY(auto planned, plan_story(log, trust, story));
    plan.stories.push_back(std::move(planned));
  }
  return plan;
}

Result<PurgeReport> execute(Replica& replica, const PurgePlan& plan) {
  PurgeReport report;
  if (plan.to_purge() == 0) {
    report.stories = plan.stories;
    return report;
  }
  const StoryFilter filter = filter_of(plan.selection);
  MUSHER_TRY(auto write, OwnWrite::begin(replica));
  for (const PurgedStory& planned : plan.stories) {
    const StoryPart part = filter.is_set() ? StoryPart::all : StoryPart::presence;
    MUSHER_TRY(const Story now, read_story(write.log(), write.trust(), planned.story, part));
    if (filter.is_set() && now.is_live() && !matches(now, filter)) {
      report.left_out.push_back(planned.story);
      continue;
    }
    MUSHER_TRY(auto story, plan_story(write.log(), write.trust(), now));
    if (story.status == PurgeStatus::would_purge) {
      if (planned.status != PurgeStatus::would_purge) {
        return fail(
            Errc::refused,
            fmt::format("story {} was purged when this was planned, and has come back since: nothing was "
                        "purged",
                        planned.story),
            fmt::format("look at it (musher inspect story {}), then purge again", shell_operand(planned.story)));
      }
      MUSHER_CHECK(purge_items(write, plan.reason, story));
    }
    report.stories.push_back(std::move(story));
  }
  MUSHER_CHECK(write.commit());
  for (const std::string& id : report.left_out) {
    replica.warn(
        fmt::format("story {} no longer matches: it was changed since the plan was made, and is left alone", id));
  }
  return report;
}

Result<std::vector<PurgedStory>> list_purged(LogReader& log) {
  MUSHER_TRY(auto live, LiveDocument::start(log));
  MUSHER_CHECK(live.catch_up(log));
  std::set<std::string> inserted;
  for (const ItemState& item : live.document().items(true)) inserted.insert(item.story);
  for (const std::string& visible : live.document().stories()) inserted.erase(visible);
  std::vector<PurgedStory> purged;
  for (const std::string& id : inserted) {
    MUSHER_TRY(const Story story, read_story(log, live.trust(), id, StoryPart::presence));
    if (story.removal() == nullptr) continue;  // muted: never shown, never taken out
    MUSHER_TRY(auto gone, removed(log, live.trust(), story));
    purged.push_back(std::move(gone));
  }
  return purged;
}

}  // namespace musher
