#include "oplog/companion_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "crypto/new_file.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {
namespace {

constexpr mode_t kReadWriteBits = 0666;

enum class Age : std::uint8_t { new_file, found };

/// SQLite does the same for -wal and -shm. What this user may not change stays: a member of the group owns what it
/// makes.
Result<void> follow_log(const std::string& path, int descriptor, const FileFacts& log, Age age) {
  const auto mine = facts_of_descriptor(descriptor);
  if (!mine) return fail(Errc::io, fmt::format("cannot look at {}: {}", path, std::strerror(errno)), list_hint(path));
  if (age == Age::found && !may_follow_log(*mine, log)) return {};
  const bool owner_differs = geteuid() == 0 && mine->owner != log.owner;
  if (owner_differs || mine->group != log.group) {
    const uid_t owner = owner_differs ? log.owner : static_cast<uid_t>(-1);
    if (fchown(descriptor, owner, log.group) != 0 && errno != EPERM) {
      return fail(Errc::io, fmt::format("cannot give {} the log's owner: {}", path, std::strerror(errno)),
                  list_hint(path));
    }
  }
  const mode_t mode = log.permissions & kReadWriteBits;
  if (mine->permissions != mode && fchmod(descriptor, mode) != 0 && errno != EPERM) {
    return fail(Errc::io, fmt::format("cannot give {} the log's mode: {}", path, std::strerror(errno)),
                list_hint(path));
  }
  return {};
}

Result<void> create(const std::string& path, const FileFacts& log) {
  auto file = NewFile::in_folder_of(path);
  if (!file) return cannot_make(path, file.error());
  MUSHER_CHECK(follow_log(path, file->descriptor(), log, Age::new_file));
  const auto published = file->publish();  // false: another process was first, and its file is as good
  return published ? Result<void>{} : cannot_make(path, published.error());
}

std::unexpected<Error> refused(const std::string& path, std::string_view what) {
  return fail(Errc::refused, fmt::format("{} is {}", path, what), list_hint(path));
}

std::unexpected<Error> cannot_open(const std::string& path, const FileFacts& log, int error) {
  const auto facts = facts_of(path);
  std::string hint = list_hint(path);
  if (error == EACCES || error == EPERM) {
    const mode_t mode = log.permissions & kReadWriteBits;
    hint = facts && (facts->permissions & kReadWriteBits) == mode
               ? fmt::format(
                     "who serves or writes the log must be able to write this: do it as the log's owner, or let "
                     "a group that you are in write the log and what is beside it ({})",
                     hint)
               : fmt::format("ask its owner to give it the log's mode: chmod {:o} {}", mode, shell_word(path));
  }
  return fail(Errc::io,
              fmt::format("cannot open {}: {}{}", path, std::strerror(error),
                          facts ? fmt::format(" ({})", describe_permissions(*facts)) : ""),
              std::move(hint));
}

}  // namespace

bool may_follow_log(const FileFacts& companion, const FileFacts& log) {
  return geteuid() != 0 || companion.owner == log.owner || companion.group == log.group;
}

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
    return cannot_open(path, log, error);
  }
  const auto facts = facts_of_descriptor(descriptor.get());
  if (!facts || facts->type != S_IFREG) return refused(path, "not a regular file");
  // One that is a name of another file would make us write into that file, and give it away as root.
  if (facts->links != 1) return refused(path, "a file with several names");
  if (access == CompanionAccess::write) MUSHER_CHECK(follow_log(path, descriptor.get(), log, Age::found));
  return descriptor;
}

}  // namespace musher
