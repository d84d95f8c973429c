#pragma once
// A small file that readers see as it was or as it is to be, and never half: the state, and metrics for a collector.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace musher {

/// Why nothing may be put in the place of `file`: what stands there is not a regular file (a device, a pipe, a folder;
/// a link is looked at itself), or cannot be looked at. Nothing when it is one, or there is none.
[[nodiscard]] std::optional<std::string> why_not_replaceable(const std::filesystem::path& file);

/// Replaces the file, or makes it, in one step that a crash does not undo. mode: as for open(2), so less the umask.
/// Precondition: it was replaceable. @returns 0 or an errno; then the file is as it was.
[[nodiscard]] int replace_file(const std::filesystem::path& file, std::string_view text, mode_t mode);

}  // namespace musher
