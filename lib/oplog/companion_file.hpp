#pragma once
// A small file beside the log (`.lock`, `.live`) that gets the log's owner, group and mode, whoever makes it, and is
// never anything but a regular file with one name.

#include <string>

#include "crypto/descriptor.hpp"
#include "model/result.hpp"
#include "oplog/file_facts.hpp"

namespace musher {

enum class CompanionAccess : std::uint8_t {
  read,   ///< an absent file stays absent: the descriptor is not valid
  write,  ///< makes it when there is none, and gives it the log's owner and mode
};

/// Whether this user may give the companion the log's owner, group and mode. Root only what is the log's owner's or
/// group's already: in a folder of others anything may have been moved under the name.
[[nodiscard]] bool may_follow_log(const FileFacts& companion, const FileFacts& log);

/// `log`: the facts of the log that the file follows.
/// @errors refused: a symbolic link, a folder, a pipe, or a file with several names is there.  io.
[[nodiscard]] Result<Descriptor> open_companion(const std::string& path, const FileFacts& log, CompanionAccess access);

}  // namespace musher
