#include "crypto/new_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "crypto/hashing.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr const char* kOpenFiles = "/proc/self/fd";

}  // namespace

std::expected<NewFile, int> NewFile::in_folder_of(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string folder = whole.has_parent_path() ? whole.parent_path().native() : ".";
  if (access(kOpenFiles, X_OK) == 0) {  // publish() goes through it
    Descriptor nameless(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (nameless.valid()) return NewFile(path, "", std::move(nameless));
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return std::unexpected(errno);
  }

  const std::string draft = folder + "/." + whole.filename().native() + "." + to_hex(random_id<Salt>().bytes);
  Descriptor named(open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!named.valid()) return std::unexpected(errno);
  return NewFile(path, draft, std::move(named));
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      draft_(std::exchange(other.draft_, {})),
      descriptor_(std::move(other.descriptor_)) {}

NewFile::~NewFile() {
  if (!draft_.empty()) unlink(draft_.c_str());
}

std::expected<bool, int> NewFile::publish() {
  int code = 0;
  if (draft_.empty()) {
    const std::string open_file = std::string(kOpenFiles) + "/" + std::to_string(descriptor_.get());
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
  return std::unexpected(errno);
}

}  // namespace musher
