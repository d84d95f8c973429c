#include "replica/purge.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "model/canonical_json.hpp"
#include "replica/live_document.hpp"
#include "replica/removal.hpp"

namespace musher {
namespace {

Result<PurgedStory> plan_story(LogReader& log, const TrustPolicy& trust, std::string_view id) {
  MUSHER_TRY(const RowId last, log.last_row());
  MUSHER_TRY(const Story story, load_presence(log, trust, id, last));
  if (!story.failures.empty()) return damaged_story(log, story);
  if (!story.was_inserted()) return std::unexpected(no_such_story(log, id));
  PurgedStory planned{.story = story.id, .items = {}, .ops = {}, .by = {}, .time_ms = {}, .reason = {}};
  for (const ItemState& item : story.items) {
    if (item.visible || !story.is_live()) planned.items.push_back(item.id);
  }
  if (const HeardRow* removal = story.removal()) {
    OpDescriber describer(log, trust);
    MUSHER_TRY(auto view, describer.describe(*removal));
    planned.status = PurgeStatus::already_purged;
    planned.by = removal->row.op.op.author;
    planned.time_ms = removal->row.op.op.time_ms;
    planned.reason = reason_of(removal->row);
    planned.ops.push_back(std::move(view));
  } else if (!story.is_live()) {
    // Its items are there but muted: nobody is shown it, and nothing needs to be taken out.
    return std::unexpected(no_such_story(log, id));
  }
  return planned;
}

/// When the last effective op of each story arrived here.
Result<std::map<std::string, std::int64_t>> last_received(LogReader& log, LiveDocument& live) {
  std::map<OpId, std::string> story_of_item;
  std::map<std::string, std::int64_t> newest;
  CatchUpOptions options;
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    if (row.op.op.kind == OpKind::insert) story_of_item[row.id] = row.op.op.name;
    const auto item = story_of_item.find(row.op.op.kind == OpKind::insert ? row.id : row.op.op.target);
    if (!effective || item == story_of_item.end()) return;
    auto& received = newest[item->second];
    received = std::max(received, row.received_ms);
  };
  MUSHER_CHECK(live.catch_up(log, options));
  return newest;
}

bool has_stage(const ItemState& shown, std::string_view stage) {
  return std::ranges::any_of(shown.fields, [&](const FieldState& field) {
    return field.name == "stage" && field.value && string_value(*field.value) == stage;
  });
}

Result<std::vector<std::string>> matching_stories(LogReader& log, const PurgeSelection& selection) {
  MUSHER_TRY(auto live, LiveDocument::start(log));
  MUSHER_TRY(const auto newest, last_received(log, live));
  if (!live.failures().empty()) {
    return fail(Errc::damaged, "the log has rows that do not hold, so a filter might choose the wrong stories",
                "musher verify-order; or name the stories");
  }
  std::vector<std::string> chosen;
  for (const std::string& id : live.document().stories()) {
    const ItemState shown = live.document().story(id).front();
    if (selection.stage && !has_stage(shown, *selection.stage)) continue;
    if (selection.received_before && newest.at(id) >= *selection.received_before) continue;
    chosen.push_back(id);
  }
  return chosen;
}

Result<void> purge_items(OwnWrite& write, const std::optional<std::string>& reason, PurgedStory& story) {
  std::optional<std::string> content;
  if (reason) {
    const auto text = canonical_string(*reason);
    const auto object = text ? canonical_object({{"reason", *text}}) : std::unexpected(text.error());
    if (!object) return fail(Errc::usage, "the reason is not text: " + object.error().why, "--reason TEXT in UTF-8");
    content = *object;
  }
  OpDescriber describer(write.log(), write.trust());
  for (const OpId& item : story.items) {
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
  const bool filtered = selection.stage || selection.received_before;
  if (filtered != selection.stories.empty()) {
    return fail(Errc::usage, filtered ? "stories are named and filters given" : "no story is named",
                "name stories, or choose them with --stage and --older-than");
  }
  std::vector<std::string> wanted = selection.stories;
  if (filtered) {
    MUSHER_TRY(wanted, matching_stories(log, selection));
  }
  std::set<std::string_view> seen;
  PurgePlan plan{{}, std::move(reason)};
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  for (const std::string& id : wanted) {
    MUSHER_CHECK(check_story_id(id));
    if (!seen.insert(id).second) continue;
    MUSHER_TRY(auto planned, plan_story(log, trust, id));
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
  MUSHER_TRY(auto write, OwnWrite::begin(replica));
  for (const PurgedStory& planned : plan.stories) {
    MUSHER_TRY(auto story, plan_story(write.log(), write.trust(), planned.story));
    if (story.status == PurgeStatus::would_purge && planned.status == PurgeStatus::would_purge) {
      MUSHER_CHECK(purge_items(write, plan.reason, story));
    }
    report.stories.push_back(std::move(story));
  }
  MUSHER_CHECK(write.commit());
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
    auto story = plan_story(log, live.trust(), id);
    if (!story && story.error().code == Errc::not_found) continue;  // muted: never shown, never taken out
    if (!story) return std::unexpected(std::move(story).error());
    purged.push_back(*std::move(story));
  }
  return purged;
}

}  // namespace musher
