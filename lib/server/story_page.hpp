#pragma once
// Stories as a client is shown them: filtered, a page at a time, no longer than a client takes.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_writer.hpp"
#include "replica/op_view.hpp"
#include "replica/story_view.hpp"
#include "server/tool_result.hpp"

namespace musher {

/// Items of a story that are listed. Nobody makes more but to be a nuisance.
inline constexpr std::size_t kMaxItems = 50;

/// What the parts of one result may come to, by result_bytes: under 100 KB with the envelope and the summary.
inline constexpr std::size_t kMaxResultBytes = 92'000;

/// What a piece of JSON adds to a result, which has it twice: as structured content, and escaped in a text block.
[[nodiscard]] std::size_t result_bytes(std::string_view json);

/// What a link to this resource adds to a result, at most.
[[nodiscard]] std::size_t link_bytes(std::string_view uri);

/// A long value as text, cut; nothing when it is short.
[[nodiscard]] std::optional<std::string> shortened_value(const std::string& canonical);

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

/// The stage under which a story is shown: cut when it is long, "" when it has none.
[[nodiscard]] std::string stage_of(const StoryView& story);
/// The agent of a story, likewise.
[[nodiscard]] std::string agent_of(const StoryView& story);

/// A page of the stories that match, in their order. A cursor names the last story of the page before and its place: a
/// story that is gone meanwhile costs no other.
/// @errors usage: the cursor is not one of these.
[[nodiscard]] Result<StoryPage> page_of(const std::vector<StoryView>& stories, const StoryFilter& filter,
                                        const PageRequest& request);

/// Of a page, in the order of their stages' names.
[[nodiscard]] std::map<std::string, std::vector<const StoryView*>> by_stage(const StoryPage& page);
/// {"stages":{STAGE:[STORY]},"total":N} of a page: what get_pipeline_status gives.
/// @param problem  why these are from memory alone, which the log may have left behind; empty when they are not
[[nodiscard]] std::string status_json(const StoryPage& page, const LogCard& card,
                                      const std::optional<ResolvedPoint>& at, std::string_view problem);

/// A page of the stories that have an agent, in their order; sized for their ids and agents alone.
/// @errors usage: the cursor is not one of these.
[[nodiscard]] Result<StoryPage> page_with_agents(const std::vector<StoryView>& stories, const PageRequest& request);

/// Whether the JSON of it below has less than is there.
[[nodiscard]] bool is_cut(const StoryView& story);
[[nodiscard]] bool is_cut(const OpView& op);

/// A story with long values cut to text, and no more fields than a result has room for.
struct ShortStory {
  StoryView view;
  std::vector<std::string> truncated{};  ///< the first fields that were cut
  std::size_t left_out = 0;              ///< fields
  std::size_t items_left_out = 0;
};
[[nodiscard]] ShortStory shortened(const StoryView& story);

/// The JSON of a story as it is.
[[nodiscard]] std::string story_json(const StoryView& story);
/// The JSON of a story with long values cut: "truncated" names those fields, and "fields_left_out" and
/// "items_left_out" count what had no room.
[[nodiscard]] std::string short_story_json(const StoryView& story);
/// Those ops are left out that a result has no room for beside `bytes`, as short_op_json() has them.
void cut_to_result(std::vector<OpView>& ops, std::size_t bytes = 0);
/// The JSON of an op with a long value cut: "truncated" is true then, and "resource" has it in full.
[[nodiscard]] std::string short_op_json(const OpView& op);

}  // namespace musher
