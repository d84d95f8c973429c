#pragma once
// `<log>.lock`: one flock that every write transaction and every WAL checkpoint holds. It names its holder and carries
// the doorbell. Decision 0002 tells why it exists and why it waits as it does.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "crypto/descriptor.hpp"
#include "model/result.hpp"
#include "oplog/file_facts.hpp"

namespace musher {

[[nodiscard]] std::string lock_path(const std::string& log);

class LockFile {
 public:
  /// `log` as it was when it was opened: the lock file gets its owner, group and mode.
  LockFile(std::string log, const FileFacts& facts) : log_(std::move(log)), path_(lock_path(log_)), facts_(facts) {}

  /// Takes the lock, in turn with others, waiting at most `timeout` (0: no waiting). Makes the file when there is none.
  /// @errors busy: names the holder's PID.  refused: something else has the lock file's name.  io.
  [[nodiscard]] Result<void> acquire(std::chrono::milliseconds timeout);
  /// Shared, for copying: writers wait. False when there is no lock file, so that nothing was locked.
  /// @errors busy, io.
  [[nodiscard]] Result<bool> acquire_shared(std::chrono::milliseconds timeout);
  /// Rewrites one byte: whoever watches the file looks for new rows. Only while the lock is held, after COMMIT.
  void ring();
  void release();
  [[nodiscard]] bool held() const { return held_; }

 private:
  enum class Lock : std::uint8_t { exclusive, shared };
  [[nodiscard]] Result<bool> open(Lock lock);
  [[nodiscard]] Result<bool> acquire(Lock lock, std::chrono::milliseconds timeout);
  [[nodiscard]] Error busy() const;
  void sign();

  // fixed after construction
  std::string log_;
  std::string path_;
  FileFacts facts_;
  // changes with each lock
  Descriptor descriptor_;
  bool held_ = false;
  std::chrono::steady_clock::time_point released_{};
};

}  // namespace musher
