#include "audit/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "crypto/hashing.hpp"
#include "crypto/identity.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDomain = "musher state 1";
constexpr std::size_t kMaxStateBytes = 64 * 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

fs::path key_file(const fs::path& file) { return file.native() + ".key"; }

std::unexpected<Error> unusable(const fs::path& file, std::string_view why) {
  return fail(Errc::damaged, fmt::format("cannot compare with the last run: the state file {} {}", file.string(), why),
              fmt::format("find out who changed it; to begin anew: rm {}", shell_word(file.native())));
}

std::unexpected<Error> not_written(const fs::path& file, int error) {
  return fail(Errc::io, fmt::format("cannot note this run in {}: {}", file.string(), std::strerror(error)),
              "musher verify-order --state FILE keeps it elsewhere, --state none does without");
}

/// The whole file; nothing when it does not exist.
Result<std::optional<std::string>> read_all(const fs::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!opened.is_open() && errno == ENOENT) return std::nullopt;
  if (!opened.is_open() && errno == ELOOP) return unusable(file, "is a symbolic link");
  const auto problem = [&] {
    return fail(Errc::io, fmt::format("cannot read the state file {}: {}", file.string(), std::strerror(errno)),
                fmt::format("ls -l {}", shell_word(file.native())));
  };
  struct stat status {};
  if (!opened.is_open() || ::fstat(opened.fd(), &status) != 0) return problem();
  if (!S_ISREG(status.st_mode)) return unusable(file, "is not a regular file");
  std::string text;
  char buffer[65536];
  while (text.size() <= kMaxStateBytes) {
    const ssize_t got = ::read(opened.fd(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return problem();
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return unusable(file, "is larger than any state file");
}

std::string signed_text(const HighWaterMark& mark, const Identity& key) {
  std::string text = to_text(mark) + fmt::format("key {}\n", to_hex(key.author().key));
  const Signature signature = key.sign_statement(kDomain, content_digest(Salt{}, text));
  return text + fmt::format("signature {}\n", to_hex(signature.bytes));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// 0 or an errno. The new file has a name of its own until it is whole and on disk.
int replace_file(const fs::path& file, std::string_view text) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const fs::path fresh = fmt::format("{}.{}.new", file.native(), ::getpid());
  ::unlink(fresh.c_str());  // of a process that had this number and was killed
  {
    const Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out.is_open()) return errno;
    if (!write_all(out.fd(), text) || ::fsync(out.fd()) != 0) {
      const int error = errno;
      ::unlink(fresh.c_str());
      return error;
    }
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return error;
  }
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.is_open() && ::fsync(directory.fd()) == 0 ? 0 : errno;
}

Result<Identity> load_or_make_key(const fs::path& file) {
  const fs::path key = key_file(file);
  std::error_code failed;
  if (fs::exists(key, failed)) return Identity::load(key);
  Identity made = Identity::generate();
  const auto saved = made.save_new(key);
  if (saved) return made;
  if (saved.error().code == Errc::refused) return Identity::load(key);  // another run was quicker
  return std::unexpected(saved.error());
}

}  // namespace

fs::path default_state_file(const fs::path& state_dir, const LogId& log) {
  return state_dir / (to_hex(log.bytes) + ".state");
}

Result<std::optional<HighWaterMark>> read_state(const fs::path& file, const LogId& log) {
  MUSHER_TRY(const auto text, read_all(file));
  if (!text) return std::nullopt;
  const auto key_at = text->rfind("key ");
  if (key_at == text->npos || key_at == 0 || (*text)[key_at - 1] != '\n')
    return unusable(file, "is not a state file, or is cut off");
  const auto mark = parse_high_water_mark(std::string_view(*text).substr(0, key_at));
  if (!mark) return unusable(file, "is not a state file, or was changed");
  const auto key = Identity::load(key_file(file));
  if (!key) return unusable(file, fmt::format("cannot be checked: {}", key.error().what));
  if (*text != signed_text(*mark, *key))
    return unusable(file, fmt::format("was not signed with {}", key_file(file).string()));
  if (mark->log != log) {
    return fail(Errc::refused,
                fmt::format("the state file {} belongs to the log {}, and this log is {}", file.string(),
                            to_hex(mark->log.bytes), to_hex(log.bytes)),
                "is this the right log? leave --state out to use the file that is its own");
  }
  return mark;
}

Result<void> write_state(const fs::path& file, const HighWaterMark& mark) {
  std::error_code failed;
  if (file.has_parent_path() && !fs::exists(file.parent_path(), failed)) {
    fs::create_directories(file.parent_path(), failed);
    if (failed) return not_written(file, failed.value());
    fs::permissions(file.parent_path(), fs::perms::owner_all, failed);
  }
  auto key = load_or_make_key(file);
  if (!key) return std::unexpected(std::move(key).error());
  const Descriptor lock(::open(key_file(file).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!lock.is_open() || ::flock(lock.fd(), LOCK_EX) != 0) return not_written(file, errno);
  MUSHER_TRY(const auto before, read_state(file, mark.log));
  if (before && before->row > mark.row) return {};
  const int error = replace_file(file, signed_text(mark, *key));
  return error == 0 ? Result<void>{} : not_written(file, error);
}

}  // namespace musher
