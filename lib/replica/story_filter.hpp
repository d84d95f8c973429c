#pragma once
// Choosing stories by what they are: their stage, and when something of them last arrived here.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replica/story.hpp"

namespace musher {

struct StoryFilter {
  std::optional<std::string> stage;  ///< the field `stage` of the shown item is this text
  std::optional<std::int64_t>
      received_before;  ///< no effective op of the story was received at or after this (ms since 1970)

  [[nodiscard]] bool is_set() const { return stage || received_before; }
};

/// The live stories that match all that is given, in list order. Replays the log.
/// @errors damaged: a row does not hold, so that the wrong stories might be chosen.  As LogReader's.
[[nodiscard]] Result<std::vector<std::string>> matching_stories(LogReader& log, const StoryFilter& filter);

/// Whether one live story matches, read with all its ops (load_story).
[[nodiscard]] bool matches(const Story& story, const StoryFilter& filter);

}  // namespace musher
