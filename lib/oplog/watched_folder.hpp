#pragma once
// A private copy's folder goes with the process that made it, also when a signal ends that process.

#include <signal.h>

#include <array>
#include <string>
#include <utility>

namespace musher {

/// What a copy's folder may hold.
inline constexpr std::array kCopyFiles = {"log.db", "log.db-wal", "log.db-shm", "log.db-journal", "log.db.lock"};

/// While it lives, SIGINT, SIGTERM and SIGHUP wait: nothing ends the process between making a folder and watching it.
class HeldSignals {
 public:
  HeldSignals() noexcept;
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals();

 private:
  sigset_t before_{};
};

/// While it lives, SIGINT, SIGTERM and SIGHUP remove the folder and its copy before they end the process as they
/// always do. A signal that the process handles or ignores stays as it is.
class WatchedFolder {
 public:
  explicit WatchedFolder(const std::string& folder);
  WatchedFolder(WatchedFolder&& other) noexcept : slot_(std::exchange(other.slot_, kNone)) {}
  WatchedFolder& operator=(WatchedFolder&&) = delete;
  ~WatchedFolder() { release(); }

  /// The folder is gone. Does nothing the second time.
  void release() noexcept;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t slot_ = kNone;
};

}  // namespace musher
