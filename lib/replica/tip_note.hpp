#pragma once
// A note outside the log of the last op an identity wrote: shows a key and log restored together from an old backup.

#include <filesystem>
#include <optional>

#include "oplog/op_log.hpp"

namespace musher {

/// Refuses to write when the note names an op this log does not have, or a later one than `tip`, the author's last in
/// this log: the log lost its tail, is an old copy, or the key has written in another log. A missing note says nothing.
/// Of one that is there and cannot be read: a warning; empty when all is well.
/// @errors refused.
[[nodiscard]] Result<std::string> check_tip_note(LogReader& log, const AuthorId& author, const std::optional<Tip>& tip,
                                                 const std::filesystem::path& state_dir);

/// Notes the tip, and that it is this log's, unless a later one is noted already. Call after the commit. It is on its
/// way to the disk when this returns: after a power cut the note may be an earlier one, never a later one.
/// @errors io: the folder cannot be made or written: the write itself stands.
[[nodiscard]] Result<void> write_tip_note(const LogInfo& log, const Tip& tip, const std::filesystem::path& state_dir);

/// The last op this key is known to have written to this document, if this log is where it did; nothing when there is
/// no note that can be read, or it is another log's. One of before notes said whose they are counts as this log's.
[[nodiscard]] std::optional<Tip> noted_tip(const LogInfo& log, const AuthorId& author,
                                           const std::filesystem::path& state_dir);

/// The same, whichever log it was written in: that key writes nowhere else until that op is there.
[[nodiscard]] std::optional<Tip> last_noted_tip(const DocumentId& document, const AuthorId& author,
                                                const std::filesystem::path& state_dir);

}  // namespace musher
