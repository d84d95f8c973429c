#pragma once
// The file that a high-water mark is kept in: signed, replaced atomically, never moved back.

#include <filesystem>
#include <optional>

#include "audit/high_water_mark.hpp"
#include "model/result.hpp"

namespace musher {

/// `<log id>.state` in the folder for notes kept outside the log.
[[nodiscard]] std::filesystem::path default_state_file(const std::filesystem::path& state_dir, const LogId& log);

/// The mark of an earlier run; nothing when there is no such file, and only then.
/// @errors refused: it was written for another log.  damaged: it is not what was signed, or its key (file + ".key") is
/// gone
///   or cannot be used.  io.
[[nodiscard]] Result<std::optional<HighWaterMark>> read_state(const std::filesystem::path& file, const LogId& log);

/// What to do where there is no folder for the file: musher's own is made, one that somebody named must be there.
enum class StateFolder : std::uint8_t { must_be_there, make };

/// Before the audit: whether a run could be noted there.
/// @errors io: what stands there is not a regular file, or its folder must be there and is not.
[[nodiscard]] Result<void> check_state_place(const std::filesystem::path& file, StateFolder folder);

/// Replaces the mark. False when a later one is there by now: it stands. Makes the key where there is none. Whoever
/// reads, and whoever comes after a crash, finds the old mark or the new one.
/// @errors io: the old mark stands.  Else as read_state: a state file that cannot be read is never replaced.
[[nodiscard]] Result<bool> write_state(const std::filesystem::path& file, const HighWaterMark& mark,
                                       StateFolder folder = StateFolder::must_be_there);

}  // namespace musher
