#include "audit/replace_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "crypto/descriptor.hpp"
#include "crypto/file_bytes.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

std::string_view kind_of_file(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

std::optional<std::string> why_not_replaceable(const fs::path& file) {
  struct stat there {};
  if (::lstat(file.c_str(), &there) == 0) {
    if (S_ISREG(there.st_mode)) return std::nullopt;
    return fmt::format("it is {} and not a regular file", kind_of_file(there.st_mode));
  }
  if (errno != ENOENT) return std::strerror(errno);
  return std::nullopt;
}

int replace_file(const fs::path& file, std::string_view text, mode_t mode) {
  const fs::path fresh = fmt::format("{}.{}.new", file.native(), ::getpid());
  ::unlink(fresh.c_str());  // of a process that had this number and was killed
  Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!out.valid()) return errno;
  if (!write_all(out.get(), text) || ::fsync(out.get()) != 0 || ::rename(fresh.c_str(), file.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return error;
  }
  const Descriptor folder(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.valid() && ::fsync(folder.get()) == 0 ? 0 : errno;
}

}  // namespace musher
