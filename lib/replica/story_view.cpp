#include "replica/story_view.hpp"

namespace musher {

StoryView view_of(std::string id, const std::vector<ItemState>& items) {
  StoryView view{std::move(id), {}, {}, {}, {}};
  const bool live = !items.empty() && items.front().visible;
  for (const ItemState& item : items) {
    if (item.visible || !live) view.items.push_back(item.id);
  }
  if (!items.empty()) view.fields = items.front().fields;
  return view;
}

void StoryTracker::note(const OpRow& row) {
  const Op& op = row.op.op;
  if (op.kind != OpKind::insert && op.kind != OpKind::set) return;
  newest_of_item_[op.kind == OpKind::insert ? row.id : op.target] = {row.row, op.time_ms, op.author};
}

std::vector<StoryView> StoryTracker::list(const Document& document) const {
  std::vector<StoryView> views;
  for (std::string& id : document.stories()) views.push_back(view(document, std::move(id)));
  return views;
}

StoryView StoryTracker::view(const Document& document, std::string id) const {
  const auto items = document.story(id);
  StoryView view = view_of(std::move(id), items);
  const Touch* newest = nullptr;
  for (const OpId& item : view.items) {
    const auto found = newest_of_item_.find(item);
    if (found != newest_of_item_.end() && (newest == nullptr || newest->row < found->second.row))
      newest = &found->second;
  }
  if (newest != nullptr) {
    view.updated_ms = newest->time_ms;
    view.updated_by = newest->author;
  }
  return view;
}

}  // namespace musher
