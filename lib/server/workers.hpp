#pragma once
// Threads for long work (audits, replays) that may not hold up the server's own.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace musher {

/// Says to a job that nobody waits for it any more.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

class Workers {
 public:
  using Job = std::function<void(const std::atomic<bool>& cancelled)>;

  /// @param nice how much less of a busy processor they get than other threads, as of nice(2)
  Workers(unsigned threads, std::size_t max_waiting, int nice = 0);
  /// Cancels what runs, forgets what waits, and ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Nothing when too many jobs wait already. Setting the flag cancels the job; one that has not begun is not begun.
  [[nodiscard]] CancelFlag submit(Job job);

 private:
  struct Entry {
    Job job;
    CancelFlag cancelled;
  };
  void run();

  // fixed after construction
  std::size_t max_waiting_;
  int nice_;
  // shared, under mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  std::vector<CancelFlag> running_;
  bool ending_ = false;
  // last: they use all of the above
  std::vector<std::thread> threads_;
};

}  // namespace musher
