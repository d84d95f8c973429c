#include "oplog/lock_file.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "oplog/lock_holders.hpp"
#include "oplog/lock_wait.hpp"
#include "oplog/new_file.hpp"

namespace musher {
namespace {

using std::chrono::steady_clock;

// The file: "pid 12345 since 1732270000123", padded with blanks, the doorbell byte, a line feed.
constexpr std::size_t kLockBytes = 64;
constexpr off_t kDoorbellOffset = 62;

std::int64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string local_time(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S %z}", fmt::localtime(static_cast<std::time_t>(ms / 1000)));
}

bool write_at(int descriptor, std::string_view bytes, off_t offset) {
  return pwrite(descriptor, bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::string lock_path(const std::string& log) { return log + ".lock"; }

Result<void> LockFile::acquire(std::chrono::milliseconds timeout) {
  MUSHER_CHECK(acquire(Lock::exclusive, timeout));
  sign();
  return {};
}

Result<bool> LockFile::acquire_shared(std::chrono::milliseconds timeout) { return acquire(Lock::shared, timeout); }

Result<bool> LockFile::acquire(Lock lock, std::chrono::milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (true) {
    if (!descriptor_.valid()) {
      MUSHER_TRY(const bool opened, open(lock));
      if (!opened) return false;
    }
    const int code = lock_until(descriptor_.get(), lock == Lock::exclusive ? LOCK_EX : LOCK_SH, deadline);
    if (code == ETIMEDOUT) return std::unexpected(busy());
    if (code != 0) return fail(Errc::io, fmt::format("cannot lock {}: {}", path_, std::strerror(code)));
    held_ = true;
    // Another process may have taken the file away and made a new one: then this lock excludes nobody.
    const auto mine = facts_of_descriptor(descriptor_.get());
    const auto theirs = facts_of(path_);
    if (mine && theirs && mine->identity == theirs->identity) return true;
    release();
    descriptor_.close();
    if (steady_clock::now() >= deadline) return std::unexpected(busy());
  }
}

Result<bool> LockFile::open(Lock lock) {
  const int access = lock == Lock::exclusive ? O_RDWR : O_RDONLY;
  const int flags = access | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  for (int attempt = 0; attempt < 100; ++attempt) {
    descriptor_ = Descriptor(::open(path_.c_str(), flags));
    if (descriptor_.valid()) break;
    if (errno == ENOENT && lock == Lock::shared) return false;
    if (errno == ENOENT) {
      MUSHER_CHECK(create());
      continue;
    }
    if (errno == ELOOP)
      return fail(Errc::refused, fmt::format("{} is a symbolic link, not a lock file", path_),
                  fmt::format("ls -l {}", path_));
    const int error = errno;
    const auto facts = facts_of(path_);
    return fail(
        Errc::io,
        fmt::format("cannot open {}: {}{}", path_, std::strerror(error),
                    facts ? fmt::format(" ({})", describe_permissions(*facts)) : ""),
        error == EACCES || error == EPERM
            ? fmt::format("ask its owner to give it the log's mode: chmod {:o} {}", facts_.permissions & 0666, path_)
            : fmt::format("ls -l {} {}", path_, log_));
  }
  const auto facts = facts_of_descriptor(descriptor_.get());
  if (!facts || facts->type != S_IFREG) {
    descriptor_.close();
    return fail(Errc::refused, fmt::format("{} is not a regular file", path_), fmt::format("ls -l {}", path_));
  }
  if (lock == Lock::exclusive) MUSHER_CHECK(follow_log(descriptor_.get()));
  return true;
}

Result<void> LockFile::create() {
  MUSHER_TRY(NewFile file, NewFile::in_folder_of(path_));
  MUSHER_CHECK(follow_log(file.descriptor()));
  MUSHER_TRY(const bool published, file.publish());
  static_cast<void>(published);  // false: another process was first, and its file is as good
  return {};
}

/// SQLite does the same for -wal and -shm. What this user may not change stays: a member of the group owns what it
/// makes.
Result<void> LockFile::follow_log(int descriptor) const {
  const auto mine = facts_of_descriptor(descriptor);
  if (!mine) return fail(Errc::io, fmt::format("cannot look at {}: {}", path_, std::strerror(errno)));
  const bool owner_differs = geteuid() == 0 && mine->owner != facts_.owner;
  if (owner_differs || mine->group != facts_.group) {
    const uid_t owner = owner_differs ? facts_.owner : static_cast<uid_t>(-1);
    if (fchown(descriptor, owner, facts_.group) != 0 && errno != EPERM) {
      return fail(Errc::io, fmt::format("cannot give {} the log's owner: {}", path_, std::strerror(errno)));
    }
  }
  if (mine->permissions != (facts_.permissions & 0666) && fchmod(descriptor, facts_.permissions & 0666) != 0 &&
      errno != EPERM) {
    return fail(Errc::io, fmt::format("cannot give {} the log's mode: {}", path_, std::strerror(errno)));
  }
  return {};
}

void LockFile::sign() {
  std::array<char, kLockBytes> line;
  line.fill(' ');
  line.back() = '\n';
  const std::string holder = fmt::format("pid {} since {}", getpid(), wall_clock_ms());
  std::memcpy(line.data(), holder.data(), std::min(holder.size(), static_cast<std::size_t>(kDoorbellOffset)));
  // Without room on the disk the lock holds all the same, only nobody can read who has it.
  static_cast<void>(write_at(descriptor_.get(), {line.data(), line.size()}, 0));
}

void LockFile::ring() { static_cast<void>(write_at(descriptor_.get(), ".", kDoorbellOffset)); }

void LockFile::release() {
  if (held_) flock(descriptor_.get(), LOCK_UN);
  held_ = false;
}

Error LockFile::busy() const {
  std::array<char, kLockBytes + 1> line{};
  pid_t signed_pid = 0;
  long long since = 0;
  if (pread(descriptor_.get(), line.data(), kLockBytes, 0) <= 0 ||
      std::sscanf(line.data(), "pid %d since %lld", &signed_pid, &since) != 2) {
    signed_pid = 0;
  }
  const auto facts = facts_of_descriptor(descriptor_.get());
  const auto holders = facts ? flock_holders(facts->identity) : std::vector<pid_t>{};
  // The kernel's word goes first: one who copies the log holds the lock without signing.
  const pid_t holder = holders.empty() ? signed_pid : holders.front();
  if (holder == 0)
    return {Errc::busy, fmt::format("{} is locked by another process", log_), fmt::format("fuser -v {}", path_)};
  const std::string when = holder == signed_pid ? fmt::format(" since {}", local_time(since)) : "";
  return {Errc::busy, fmt::format("{} is locked by PID {}{}", log_, holder, when), fmt::format("ps -fp {}", holder)};
}

}  // namespace musher
