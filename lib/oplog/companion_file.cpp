#include "oplog/companion_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "model/text.hpp"
#include "oplog/new_file.hpp"

namespace musher {
namespace {

constexpr mode_t kReadWriteBits = 0666;

/// SQLite does the same for -wal and -shm. What this user may not change stays: a member of the group owns what it
/// makes.
Result<void> follow_log(const std::string& path, int descriptor, const FileFacts& log) {
  const auto mine = facts_of_descriptor(descriptor);
  if (!mine) return fail(Errc::io, fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
  const bool owner_differs = geteuid() == 0 && mine->owner != log.owner;
  if (owner_differs || mine->group != log.group) {
    const uid_t owner = owner_differs ? log.owner : static_cast<uid_t>(-1);
    if (fchown(descriptor, owner, log.group) != 0 && errno != EPERM) {
      return fail(Errc::io, fmt::format("cannot give {} the log's owner: {}", path, std::strerror(errno)));
    }
  }
  const mode_t mode = log.permissions & kReadWriteBits;
  if (mine->permissions != mode && fchmod(descriptor, mode) != 0 && errno != EPERM) {
    return fail(Errc::io, fmt::format("cannot give {} the log's mode: {}", path, std::strerror(errno)));
  }
  return {};
}

Result<void> create(const std::string& path, const FileFacts& log) {
  MUSHER_TRY(NewFile file, NewFile::in_folder_of(path));
  MUSHER_CHECK(follow_log(path, file.descriptor(), log));
  MUSHER_TRY(const bool published, file.publish());
  static_cast<void>(published);  // false: another process was first, and its file is as good
  return {};
}

std::unexpected<Error> refused(const std::string& path, std::string_view what) {
  return fail(Errc::refused, fmt::format("{} is {}", path, what), fmt::format("ls -l {}", shell_word(path)));
}

}  // namespace

Result<Descriptor> open_companion(const std::string& path, const FileFacts& log, CompanionAccess access) {
  const int flags =
      (access == CompanionAccess::write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Descriptor descriptor;
  for (int attempt = 0; attempt < 100 && !descriptor.valid(); ++attempt) {
    descriptor = Descriptor(::open(path.c_str(), flags));
    if (descriptor.valid()) break;
    const int error = errno;
    if (error == ENOENT && access == CompanionAccess::read) return Descriptor();
    if (error == ENOENT) {
      MUSHER_CHECK(create(path, log));
      continue;
    }
    if (error == ELOOP) return refused(path, "a symbolic link");
    if (error == EISDIR) return refused(path, "a folder");
    const auto facts = facts_of(path);
    return fail(Errc::io,
                fmt::format("cannot open {}: {}{}", path, std::strerror(error),
                            facts ? fmt::format(" ({})", describe_permissions(*facts)) : ""),
                fmt::format("its owner can let you in: chmod g+rw {}", shell_word(path)));
  }
  const auto facts = facts_of_descriptor(descriptor.get());
  if (!facts || facts->type != S_IFREG) return refused(path, "not a regular file");
  // One that is a name of another file would make us write into that file, and give it away as root.
  if (facts->links != 1) return refused(path, "a file with several names");
  if (access == CompanionAccess::write) MUSHER_CHECK(follow_log(path, descriptor.get(), log));
  return descriptor;
}

}  // namespace musher
