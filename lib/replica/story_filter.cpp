#include "replica/story_filter.hpp"

#include <algorithm>
#include <map>

#include "model/canonical_json.hpp"
#include "replica/live_document.hpp"

namespace musher {
namespace {

/// When the last effective op of each story arrived here, whatever its kind.
Result<std::map<std::string, std::int64_t>> last_received(LogReader& log, LiveDocument& live) {
  std::map<OpId, std::string> story_of_item;
  std::map<std::string, std::int64_t> newest;
  Result<void> status;
  const auto note = [&](const std::string& story, std::int64_t received_ms) {
    const auto [known, is_new] = newest.emplace(story, received_ms);
    if (!is_new) known->second = std::max(known->second, received_ms);
  };
  CatchUpOptions options;
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    const Op& op = row.op.op;
    if (op.kind == OpKind::insert) story_of_item[row.id] = op.name;
    if (!effective) return;
    const auto item = story_of_item.find(op.kind == OpKind::insert ? row.id : op.target);
    if (item != story_of_item.end()) return note(item->second, row.received_ms);
    const auto story = story_of(log, row.id, op);  // an erase of a set or delete
    if (!story) status = std::unexpected(story.error());
    if (story && *story) note(**story, row.received_ms);
  };
  MUSHER_CHECK(live.catch_up(log, options));
  MUSHER_CHECK(status);
  return newest;
}

bool has_stage(const ItemState& shown, std::string_view stage) {
  return std::ranges::any_of(shown.fields, [&](const FieldState& field) {
    return field.name == "stage" && field.value && string_value(*field.value) == stage;
  });
}

}  // namespace

Result<std::vector<std::string>> matching_stories(LogReader& log, const StoryFilter& filter) {
  MUSHER_TRY(auto live, LiveDocument::start(log));
  MUSHER_TRY(const auto newest, last_received(log, live));
  if (!live.failures().empty()) {
    return fail(Errc::damaged, "the log has rows that do not hold, so a filter might choose the wrong stories",
                "musher verify-order; or name the stories");
  }
  std::vector<std::string> chosen;
  for (const std::string& id : live.document().stories()) {
    if (filter.stage && !has_stage(live.document().story(id).front(), *filter.stage)) continue;
    if (filter.received_before && newest.at(id) >= *filter.received_before) continue;
    chosen.push_back(id);
  }
  return chosen;
}

bool matches(const Story& story, const StoryFilter& filter) {
  if (!story.is_live()) return false;
  if (filter.stage && !has_stage(story.items.front(), *filter.stage)) return false;
  return !filter.received_before || std::ranges::none_of(story.history, [&](const HeardRow& heard) {
    return heard.effective && heard.row.received_ms >= *filter.received_before;
  });
}

}  // namespace musher
