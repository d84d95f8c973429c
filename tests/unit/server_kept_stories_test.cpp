#include <catch2/catch.hpp>

#include <chrono>

#include "server/kept_stories.hpp"

using namespace musher;

namespace {

std::vector<StoryView> numbered(std::size_t count) {
  std::vector<StoryView> stories(count);
  for (std::size_t n = 0; n < count; ++n) stories[n].id = "a_story_that_has_the_number_" + std::to_string(n);
  return stories;
}

}  // namespace

TEST_CASE("kept stories: one that changed takes its own place", "[server]") {
  const std::vector<StoryView> given = numbered(3);
  KeptStories kept(given);
  StoryView changed = given[1];
  changed.updated_ms = 7;
  CHECK(kept.has(changed.id));
  CHECK_FALSE(kept.has("another"));
  kept.replace(changed);
  REQUIRE(kept.all().size() == 3);
  for (std::size_t n = 0; n < 3; ++n) {
    CHECK(kept.all()[n].id == given[n].id);
    CHECK(kept.all()[n].updated_ms == (n == 1 ? std::optional<std::int64_t>(7) : std::nullopt));
  }
}

TEST_CASE("kept stories: a change costs the same however many there are", "[server]") {
  constexpr std::size_t kMany = 300'000;  // one search through them for each: some minutes
  const std::vector<StoryView> given = numbered(kMany);
  KeptStories kept(given);
  const auto begun = std::chrono::steady_clock::now();
  std::size_t replaced = 0;
  for (const StoryView& story : given) {
    if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(20)) break;
    if (!kept.has(story.id)) continue;
    kept.replace(story);
    ++replaced;
  }
  CHECK(replaced == kMany);
}
