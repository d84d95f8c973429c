#pragma once
// The one thread of a server that writes: it owns the write connection and takes the lock, so that nobody who answers
// clients ever waits for either.

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "crypto/identity.hpp"
#include "replica/replica.hpp"

namespace musher {

class Writer {
 public:
  /// Work for the writer's thread; the replica's `actor` is set already.
  using Job = std::function<void(Replica&)>;

  struct Options {
    std::filesystem::path log;
    Identity identity;
    Host host;
    std::chrono::milliseconds lock_timeout{10'000};
    std::size_t max_waiting = 256;  ///< jobs beyond this are refused
  };

  /// Starts the thread; the log is opened for writing when the first job comes.
  explicit Writer(Options options);
  /// As stop(); then closes the log, which empties its -wal when nobody else has it open.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Runs `job` on the writer's thread on behalf of `actor`, or `failed` when the log cannot be opened. False when too
  /// many jobs wait already or the writer is ending: neither is called.
  [[nodiscard]] bool submit(std::string actor, Job job, std::function<void(Error)> failed);

  /// Ends the thread once the job under way is done; those that wait are dropped, since nobody waits for them any more.
  /// The log stays open.
  void stop();

  /// Another file is the log now: this one is opened for the next job.
  void reopen(std::filesystem::path log);

  /// Since when a job has been running (a lock that others hold); nothing when none is.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> busy_since() const;

 private:
  struct Entry {
    std::string actor;
    Job job;
    std::function<void(Error)> failed;
  };
  void run();
  void work(Entry entry);
  void close();
  Result<Replica*> replica();

  // the thread's own
  Options options_;
  std::unique_ptr<Replica> replica_;
  WaitingIndex waiting_index_;  ///< while replica_ is closed
  // shared, under mutex_
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  bool ending_ = false;
  std::optional<std::filesystem::path> reopen_;
  std::optional<std::chrono::steady_clock::time_point> busy_since_;
  // last: it uses all of the above
  std::thread thread_;
};

}  // namespace musher
