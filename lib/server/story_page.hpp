#pragma once
// Stories as a client is shown them: filtered, a page at a time, no longer than a client takes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_writer.hpp"
#include "replica/op_view.hpp"
#include "replica/story_view.hpp"
#include "server/tool_result.hpp"

namespace musher {

/// No result's document is longer than about this without a cursor: it goes out twice, once as text, and the whole
/// stays under 100 KB.
inline constexpr std::size_t kMaxResultBytes = 40'000;

struct StoryFilter {
  std::optional<std::string> stage{};
  std::optional<std::string> agent{};
  std::optional<bool> blocked{};

  [[nodiscard]] bool matches(const StoryView& story) const;
};

/// The text of a text field; nothing when it is not there or not text.
[[nodiscard]] std::optional<std::string> text_field(const StoryView& story, std::string_view name);

struct StoryPage {
  std::vector<const StoryView*> stories;
  std::size_t total = 0;  ///< that match, on all pages
  std::optional<std::string> next_cursor{};
};

/// A page of the stories that match, in their order. A cursor names the last story of the page before and its place: a
/// story that is gone meanwhile costs no other.
/// @errors usage: the cursor is not one of these.
[[nodiscard]] Result<StoryPage> page_of(const std::vector<StoryView>& stories, const StoryFilter& filter,
                                        const PageRequest& request);

/// A story with long values cut to text, and no more fields than a result has room for.
struct ShortStory {
  StoryView view;
  std::vector<std::string> truncated;  ///< the first fields that were cut
  std::size_t left_out = 0;            ///< fields
};
[[nodiscard]] ShortStory shortened(const StoryView& story);

/// The JSON of a story with long values cut: "truncated" names those fields, and "fields_left_out" counts those that
/// had no room.
[[nodiscard]] std::string short_story_json(const StoryView& story);
/// The JSON of an op with a long value cut: "truncated" is true then.
[[nodiscard]] std::string short_op_json(const OpView& op);

}  // namespace musher
