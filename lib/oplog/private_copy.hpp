#pragma once
// A copy of a log in a folder of one's own, for where SQLite cannot make its -shm.

#include <chrono>
#include <string>

#include "crypto/descriptor.hpp"
#include "model/result.hpp"
#include "oplog/open_checks.hpp"
#include "oplog/watched_folder.hpp"

namespace musher {

class PrivateCopy {
 public:
  /// Copies database and -wal into a new 0700 folder under $TMPDIR, while nobody writes: under a shared lock of the
  /// lock file, if there is one.
  /// @errors busy: a writer held the lock for all of `timeout`.  io.
  [[nodiscard]] static Result<PrivateCopy> make(const LogFile& log, std::chrono::milliseconds timeout);

  PrivateCopy(PrivateCopy&& other) noexcept
      : folder_(std::exchange(other.folder_, {})),
        watched_(std::move(other.watched_)),
        lock_(std::move(other.lock_)),
        made_ms_(other.made_ms_) {}
  PrivateCopy& operator=(PrivateCopy&&) = delete;
  ~PrivateCopy() { remove(); }

  [[nodiscard]] std::string path() const { return folder_ + "/log.db"; }
  [[nodiscard]] std::int64_t made_ms() const { return made_ms_; }

  /// Removes the files, as an interrupt does. Once SQLite has them all open this can come early, so that even kill -9
  /// leaves nothing. What one killed before that left is removed by this user's next copy.
  void remove() noexcept;

 private:
  PrivateCopy(std::string folder, WatchedFolder watched, std::int64_t made_ms)
      : folder_(std::move(folder)), watched_(std::move(watched)), made_ms_(made_ms) {}
  static PrivateCopy without_files();

  std::string folder_;
  WatchedFolder watched_;
  Descriptor lock_;  ///< of the folder: whoever finds it without a lock may remove it
  std::int64_t made_ms_ = 0;
};

}  // namespace musher
