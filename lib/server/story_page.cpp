#include "server/story_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/canonical_json.hpp"
#include "model/escape.hpp"
#include "report/op_json.hpp"

namespace musher {
namespace {

constexpr std::size_t kMaxValueBytes = 1'000;
constexpr std::size_t kMaxStoryBytes = 8'000;
constexpr std::size_t kMaxStageBytes = 100;
constexpr std::size_t kMaxAgentBytes = 200;
constexpr std::size_t kMaxNamed = 20;

const FieldState* field_of(const StoryView& story, std::string_view name) {
  const auto found = std::ranges::find(story.fields, name, &FieldState::name);
  return found == story.fields.end() ? nullptr : &*found;
}

/// The stories that `matches`, from behind the cursor on: as many as the request wants, and as their `bytes_of` leave
/// room.
template <class Matches, class BytesOf>
Result<StoryPage> paged(const std::vector<StoryView>& stories, const PageRequest& request, const Matches& matches,
                        const BytesOf& bytes_of) {
  MUSHER_TRY(const auto cursor, read_cursor(request.cursor));
  std::vector<const StoryView*> matching;
  for (const StoryView& story : stories) {
    if (matches(story)) matching.push_back(&story);
  }
  std::size_t from = 0;
  if (cursor) {
    const auto last = std::ranges::find(matching, cursor->name, [](const StoryView* story) { return story->id; });
    from = last != matching.end() ? static_cast<std::size_t>(last - matching.begin()) + 1
                                  : std::min(cursor->number, matching.size());
  }
  StoryPage page;
  page.total = matching.size();
  std::size_t at = from;
  for (std::size_t bytes = 0; at < matching.size() && page.stories.size() < request.limit; ++at) {
    bytes += bytes_of(*matching[at]);
    if (bytes > kMaxResultBytes && !page.stories.empty()) break;
    page.stories.push_back(matching[at]);
  }
  if (at < matching.size() && !page.stories.empty()) {
    page.next_cursor = fmt::format("{}:{}", at - 1, page.stories.back()->id);
  }
  return page;
}

}  // namespace

std::size_t result_bytes(std::string_view json) {
  const auto escaped = std::ranges::count_if(json, [](char c) { return c == '"' || c == '\\'; });
  return 2 * json.size() + static_cast<std::size_t>(escaped);
}

std::size_t link_bytes(std::string_view uri) {
  constexpr std::size_t kFrame = 80;
  return 2 * uri.size() + kFrame;
}

std::optional<std::string> shortened_value(const std::string& canonical) {
  if (canonical.size() <= kMaxValueBytes) return std::nullopt;
  const std::string text = shortened_text(string_value(canonical).value_or(canonical), kMaxValueBytes);
  return canonical_string(text).value_or("\"…\"");
}

std::string stage_of(const StoryView& story) {
  return shortened_text(text_field(story, "stage").value_or(""), kMaxStageBytes);
}

std::string agent_of(const StoryView& story) {
  return shortened_text(text_field(story, "agent").value_or(""), kMaxAgentBytes);
}

std::optional<std::string> text_field(const StoryView& story, std::string_view name) {
  const FieldState* field = field_of(story, name);
  return field != nullptr && field->value ? string_value(*field->value) : std::nullopt;
}

bool StoryFilter::matches(const StoryView& story) const {
  if (stage && text_field(story, "stage") != stage) return false;
  if (agent && text_field(story, "agent") != agent) return false;
  if (!blocked) return true;
  const FieldState* field = field_of(story, "blocked");
  const std::string value = field != nullptr && field->value ? *field->value : "false";
  const bool is_blocked = value != "false" && value != "null" && value != "\"\"" && value != "0";
  return is_blocked == *blocked;
}

Result<StoryPage> page_of(const std::vector<StoryView>& stories, const StoryFilter& filter,
                          const PageRequest& request) {
  return paged(
      stories, request, [&](const StoryView& story) { return filter.matches(story); },
      [](const StoryView& story) {
        return result_bytes(short_story_json(story)) + result_bytes(stage_of(story)) +
               (is_cut(story) ? link_bytes(story_uri(story.id)) : 0);
      });
}

std::map<std::string, std::vector<const StoryView*>> by_stage(const StoryPage& page) {
  std::map<std::string, std::vector<const StoryView*>> stages;
  for (const StoryView* story : page.stories) stages[stage_of(*story)].push_back(story);
  return stages;
}

std::string status_json(const StoryPage& page, const LogCard& card, const std::optional<ResolvedPoint>& at,
                        std::string_view problem) {
  return json_text([&](JsonWriter& json) {
    begin_result(json, "musher.pipeline-status/1", card, at, page.next_cursor);
    json.key("stages").begin_object();
    for (const auto& [stage, members] : by_stage(page)) {
      json.key(stage).begin_array();
      for (const StoryView* story : members) json.verbatim(short_story_json(*story));
      json.end_array();
    }
    json.end_object();
    json.key("total").number(std::uint64_t{page.total});
    if (!problem.empty()) json.key("problem").string(problem);
    json.end_object();
    json.end_line();
  });
}

Result<StoryPage> page_with_agents(const std::vector<StoryView>& stories, const PageRequest& request) {
  constexpr std::size_t kFrame = 72;  // what is written around an agent and around an id
  return paged(
      stories, request, [](const StoryView& story) { return !agent_of(story).empty(); },
      [](const StoryView& story) { return result_bytes(agent_of(story)) + result_bytes(story.id) + kFrame; });
}

bool is_cut(const StoryView& story) {
  if (story.items.size() > kMaxItems) return true;
  std::size_t bytes = 0;
  for (const FieldState& field : story.fields) {
    bytes += field.name.size() + (field.value ? field.value->size() : 4);
    if (bytes > kMaxStoryBytes || (field.value && field.value->size() > kMaxValueBytes)) return true;
  }
  return false;
}

bool is_cut(const OpView& op) { return op.row.op.content && op.row.op.content->size() > kMaxValueBytes; }

ShortStory shortened(const StoryView& story) {
  ShortStory cut{story};
  cut.view.fields.clear();
  if (story.items.size() > kMaxItems) {
    cut.items_left_out = story.items.size() - kMaxItems;
    cut.view.items.resize(kMaxItems);
  }
  std::size_t bytes = 0;
  for (const FieldState& field : story.fields) {
    FieldState shown = field;
    if (const auto value = field.value ? shortened_value(*field.value) : std::nullopt) {
      shown.value = value;
      if (cut.truncated.size() < kMaxNamed) cut.truncated.push_back(field.name);
    }
    bytes += shown.name.size() + (shown.value ? shown.value->size() : 4);
    if (bytes > kMaxStoryBytes)
      ++cut.left_out;
    else
      cut.view.fields.push_back(std::move(shown));
  }
  return cut;
}

std::string story_json(const StoryView& story) {
  return json_text([&](JsonWriter& json) {
    json.begin_object();
    write_story_members(json, story);
    json.end_object();
    json.end_line();
  });
}

std::string short_story_json(const StoryView& story) {
  const ShortStory cut = shortened(story);
  return json_text([&](JsonWriter& json) {
    json.begin_object();
    write_story_members(json, cut.view);
    if (!cut.truncated.empty() || cut.left_out > 0 || cut.items_left_out > 0) {
      json.key("truncated").begin_array();
      for (const std::string& name : cut.truncated) json.string(name);
      json.end_array();
      json.key("fields_left_out").number(std::uint64_t{cut.left_out});
      if (cut.items_left_out > 0) json.key("items_left_out").number(std::uint64_t{cut.items_left_out});
      json.key("resource").string(story_uri(story.id));
    }
    json.end_object();
    json.end_line();
  });
}

void cut_to_result(std::vector<OpView>& ops, std::size_t bytes) {
  std::size_t kept = 0;
  for (; kept < ops.size() && bytes <= kMaxResultBytes; ++kept) bytes += result_bytes(short_op_json(ops[kept]));
  ops.resize(kept);
}

std::string short_op_json(const OpView& op) {
  OpView cut = op;
  const auto value = op.row.op.content ? shortened_value(*op.row.op.content) : std::nullopt;
  if (value) cut.row.op.content = value;
  return json_text([&](JsonWriter& json) {
    json.begin_object();
    write_op_members(json, cut);
    if (value) json.key("truncated").boolean(true).key("resource").string(op_uri(op.row.id));
    json.end_object();
    json.end_line();
  });
}

}  // namespace musher
