#pragma once
// What put, purge and inspect say in common about a story's id and its end.

#include <string>

#include "replica/host.hpp"
#include "replica/story.hpp"

namespace musher {

/// @errors usage: not 1 to 128 bytes of UTF-8 without control characters.
[[nodiscard]] Result<void> check_story_id(std::string_view id);

/// "purged by alice (op 3f5a12...) at 2026-04-09T12:00:00.000Z: stuck". Precondition: story.removal() is not null.
[[nodiscard]] std::string describe_removal(const Host& host, const TrustPolicy& trust, const Story& story);

/// The text of a {"reason": text} content; nothing when there is none.
[[nodiscard]] std::optional<std::string> reason_of(const OpRow& row);

/// The error for a story of which a row does not hold.
[[nodiscard]] std::unexpected<Error> damaged_story(LogReader& log, const Story& story);

/// The error for a story of which no item is heard, all those who made one being unknown or revoked here: with the line
/// that lets it be seen. code: not_found, or already_exists where it was to be made.
/// Precondition: an item is there, and none is visible.
[[nodiscard]] std::unexpected<Error> muted_story(LogReader& log, const TrustPolicy& trust, const Story& story,
                                                 Errc code);

}  // namespace musher
