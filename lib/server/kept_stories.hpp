#pragma once
// The stories as views show them, kept until one changes, and found by their ids.

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "replica/story_view.hpp"

namespace musher {

class KeptStories {
 public:
  KeptStories() = default;
  explicit KeptStories(std::vector<StoryView> stories) : stories_(std::move(stories)) {
    places_.reserve(stories_.size());
    for (std::size_t at = 0; at < stories_.size(); ++at) places_.emplace(stories_[at].id, at);
  }

  /// In the order in which they were given.
  [[nodiscard]] const std::vector<StoryView>& all() const { return stories_; }
  [[nodiscard]] bool has(const std::string& id) const { return places_.contains(id); }
  /// In place of the one of the same id, which is there. Cost: the same however many there are.
  void replace(StoryView story) {
    StoryView& kept = stories_[places_.at(story.id)];
    kept = std::move(story);
  }

 private:
  std::vector<StoryView> stories_;
  std::unordered_map<std::string, std::size_t> places_;  ///< in stories_, by id
};

}  // namespace musher
