#include "oplog/lock_file.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "oplog/companion_file.hpp"
#include "oplog/hints.hpp"
#include "oplog/lock_holders.hpp"
#include "oplog/lock_wait.hpp"

namespace musher {
namespace {

using std::chrono::steady_clock;

// The file: "pid 12345 since 1732270000123", padded with blanks, the doorbell byte, a line feed.
constexpr std::size_t kLockBytes = 64;
constexpr off_t kDoorbellOffset = 62;
constexpr std::chrono::microseconds kTurn{150};  // another process is awake by then

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
  // Who waits is woken when the lock is given back, and would lose to one who takes it again at once.
  std::this_thread::sleep_until(released_ + kTurn);
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
    if (code != 0) {
      return fail(Errc::io, fmt::format("cannot lock {}: {}", path_, std::strerror(code)), users_hint(path_));
    }
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
  const auto access = lock == Lock::exclusive ? CompanionAccess::write : CompanionAccess::read;
  MUSHER_TRY(descriptor_, open_companion(path_, facts_, access));
  return descriptor_.valid();
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
  if (held_) {
    flock(descriptor_.get(), LOCK_UN);
    released_ = steady_clock::now();
  }
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
  if (holder == 0) return {Errc::busy, fmt::format("{} is locked by another process", log_), users_hint(path_)};
  const std::string when = holder == signed_pid ? fmt::format(" since {}", local_time(since)) : "";
  return {Errc::busy, fmt::format("{} is locked by PID {}{}", log_, holder, when), fmt::format("ps -fp {}", holder)};
}

}  // namespace musher
