#pragma once
// The file that a high-water mark is kept in: signed, replaced atomically, never moved back.

#include <filesystem>
#include <optional>

#include "audit/high_water_mark.hpp"
#include "model/result.hpp"

namespace musher {

/// `<log id>.state` in the folder for notes kept outside the log.
[[nodiscard]] std::filesystem::path default_state_file(const std::filesystem::path& state_dir, const LogId& log);

/// The command by which the next run is a first one.
[[nodiscard]] std::string begin_anew(const std::filesystem::path& file);

/// The mark of an earlier run; nothing when neither such a file nor its key (file + ".key") is there, and only then.
/// @errors refused: it was written for another log.  damaged: it is not what was signed, its key is gone or cannot be
///   used, or the key is there and the file is not.  io.
[[nodiscard]] Result<std::optional<HighWaterMark>> read_state(const std::filesystem::path& file, const LogId& log);

/// The marks of other logs of this document in the same folder, as far as they can be read and were signed.
[[nodiscard]] std::vector<HighWaterMark> states_of_other_logs(const std::filesystem::path& file, const LogInfo& info);

/// What to do where there is no folder for the file: musher's own is made, one that somebody named must be there.
enum class StateFolder : std::uint8_t { must_be_there, make };

/// Before the audit: whether a run could be noted there.
/// @errors io: what stands there is not a regular file, or its folder must be there and is not.
[[nodiscard]] Result<void> check_state_place(const std::filesystem::path& file, StateFolder folder);

/// Replaces the mark. False when a later one is there by now: it stands. Makes the key where there is none, and takes
/// it back when the mark cannot be written. Whoever reads, and whoever comes after a crash, finds the old mark or the
/// new one.
/// @errors io: the old mark stands.  Else as read_state: a state file that cannot be read is never replaced.
[[nodiscard]] Result<bool> write_state(const std::filesystem::path& file, const HighWaterMark& mark,
                                       StateFolder folder = StateFolder::must_be_there);

}  // namespace musher
