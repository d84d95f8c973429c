#include "oplog/new_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "oplog/file_facts.hpp"

namespace musher {
namespace {

constexpr const char* kOpenFiles = "/proc/self/fd";

std::unexpected<Error> cannot_make(const std::string& path, int error) {
  return fail(Errc::io, fmt::format("cannot make {}: {}", path, std::strerror(error)),
              "ls -ld " + shell_word(folder_of(path)));
}

}  // namespace

Result<NewFile> NewFile::in_folder_of(const std::string& path) {
  if (access(kOpenFiles, X_OK) == 0) {  // publish() goes through it
    Descriptor nameless(open(folder_of(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (nameless.valid()) return NewFile(path, "", std::move(nameless));
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return cannot_make(path, errno);
  }

  const std::string draft =
      fmt::format("{}/.{}.{}", folder_of(path), file_name_of(path), to_hex(random_id<Salt>().bytes));
  Descriptor named(open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!named.valid()) return cannot_make(path, errno);
  return NewFile(path, draft, std::move(named));
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      draft_(std::exchange(other.draft_, {})),
      descriptor_(std::move(other.descriptor_)) {}

NewFile::~NewFile() {
  if (!draft_.empty()) unlink(draft_.c_str());
}

Result<bool> NewFile::publish() {
  int code = 0;
  if (draft_.empty()) {
    const std::string open_file = fmt::format("{}/{}", kOpenFiles, descriptor_.get());
    code = linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW);
  } else {
    code = renameat2(AT_FDCWD, draft_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
    if (code == 0) {
      draft_.clear();
    } else if (errno == EINVAL || errno == ENOSYS) {
      code = link(draft_.c_str(), path_.c_str());  // the destructor takes the draft's name away
    }
  }
  if (code == 0) return true;
  if (errno == EEXIST) return false;
  return cannot_make(path_, errno);
}

}  // namespace musher
