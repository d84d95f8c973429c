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

/// Replaces the mark, unless a later one is there by now. Makes folder and key where they are not. Whoever reads, and
/// whoever comes after a crash, finds the old mark or the new one.
/// @errors io: the old mark stands.  Else as read_state: a state file that cannot be read is never replaced.
[[nodiscard]] Result<void> write_state(const std::filesystem::path& file, const HighWaterMark& mark);

}  // namespace musher
