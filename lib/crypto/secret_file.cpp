#include "crypto/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "crypto/descriptor.hpp"
#include "crypto/file_bytes.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

std::unexpected<SecretFileProblem> problem(std::string why, std::string hint) {
  return std::unexpected(SecretFileProblem{false, std::move(why), std::move(hint)});
}

std::unexpected<SecretFileProblem> not_opened(const fs::path& file, int error) {
  const std::string word = shell_word(file.native());
  switch (error) {
    case ENOENT:
    case ENOTDIR: return std::unexpected(SecretFileProblem{true, "there is no such file", ""});
    case ELOOP: return problem("it is a symbolic link", "readlink -f " + word + "  # name that file");
    case EACCES: return problem("permission denied", "ls -l " + word);
    default: return problem(std::strerror(error), "ls -l " + word);
  }
}

std::expected<void, SecretFileProblem> check_owner_and_mode(const fs::path& file, const struct stat& info) {
  const std::string word = shell_word(file.native());
  if (!S_ISREG(info.st_mode)) return problem("it is not a regular file", "ls -l " + word);
  constexpr mode_t kAll = 07777;
  constexpr mode_t kMountedSecret = 0440;
  const mode_t mode = info.st_mode & kAll;
  if (info.st_uid == 0 && (mode & ~kMountedSecret) == 0) return {};
  if (info.st_uid != ::geteuid()) {
    return problem("it belongs to another user (uid " + std::to_string(info.st_uid) + ")", "ls -l " + word);
  }
  if ((mode & (S_IRWXG | S_IRWXO)) != 0) {
    char octal[8];
    std::snprintf(octal, sizeof octal, "%04o", static_cast<unsigned>(mode));
    return problem(std::string("group or others may use it (mode ") + octal + ")", "chmod 600 " + word);
  }
  return {};
}

}  // namespace

std::expected<std::size_t, SecretFileProblem> read_secret_file(const fs::path& file, std::span<std::uint8_t> buffer) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!opened.valid()) return not_opened(file, errno);
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) return not_opened(file, errno);
  if (auto held = check_owner_and_mode(file, info); !held) return std::unexpected(std::move(held).error());
  const auto length = read_up_to(opened.get(), buffer);
  if (!length) return not_opened(file, errno);
  return *length;
}

}  // namespace musher
