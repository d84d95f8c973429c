#include "audit/compare.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace musher {
namespace {

using FieldsByName = std::map<std::string, FieldState>;

FieldsByName shown_fields(const Document& document, const std::string& story) {
  FieldsByName fields;
  const auto items = document.story(story);
  if (items.empty() || !items.front().visible) return fields;
  for (const FieldState& field : items.front().fields) fields.emplace(field.name, field);
  return fields;
}

StateDifference whole_story(const Document& left, const Document& right, const std::string& story, bool on_left) {
  const auto items = (on_left ? left : right).story(story);
  return {story, std::nullopt, std::nullopt, std::nullopt, on_left, !on_left, items.front().id};
}

void compare_fields(const std::string& story, const FieldsByName& left, const FieldsByName& right,
                    std::vector<StateDifference>& found) {
  std::set<std::string> names;
  for (const auto& [name, field] : left) names.insert(name);
  for (const auto& [name, field] : right) names.insert(name);
  for (const std::string& name : names) {
    const auto at_left = left.find(name);
    const auto at_right = right.find(name);
    const bool in_left = at_left != left.end();
    const bool in_right = at_right != right.end();
    if (in_left && in_right && at_left->second.value == at_right->second.value &&
        at_left->second.erased == at_right->second.erased) {
      continue;
    }
    found.push_back({story, name, in_left ? at_left->second.value : std::nullopt,
                     in_right ? at_right->second.value : std::nullopt, in_left, in_right,
                     in_left ? at_left->second.winner : at_right->second.winner});
  }
}

}  // namespace

std::vector<StateDifference> differences(const Document& left, const Document& right,
                                         const std::optional<std::string>& only) {
  std::vector<StateDifference> found;
  const auto left_stories = left.stories();
  const auto right_stories = right.stories();
  const std::set<std::string> in_left(left_stories.begin(), left_stories.end());
  const std::set<std::string> in_right(right_stories.begin(), right_stories.end());
  for (const std::string& story : left_stories) {
    if (only && story != *only) continue;
    if (!in_right.contains(story))
      found.push_back(whole_story(left, right, story, true));
    else
      compare_fields(story, shown_fields(left, story), shown_fields(right, story), found);
  }
  for (const std::string& story : right_stories) {
    if (only && story != *only) continue;
    if (!in_left.contains(story)) found.push_back(whole_story(left, right, story, false));
  }
  return found;
}

std::vector<RegisterDrift> register_drift(const Document& right, const Document& naive,
                                          const std::optional<std::string>& only) {
  std::vector<RegisterDrift> drift;
  for (const auto& reg : right.register_seqs()) {
    if (only && reg.story != *only) continue;
    const Seq naive_next = naive.next_seq(reg.item, reg.field);
    if (naive_next != reg.next) drift.push_back({reg.story, reg.field, naive_next, reg.next});
  }
  return drift;
}

}  // namespace musher
