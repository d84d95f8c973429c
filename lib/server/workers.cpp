#include "server/workers.hpp"

#include <unistd.h>

namespace musher {

Workers::Workers(unsigned threads, std::size_t max_waiting, int nice) : max_waiting_(max_waiting), nice_(nice) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    waiting_.clear();
    for (const CancelFlag& flag : running_) flag->store(true);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

CancelFlag Workers::submit(Job job) {
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || waiting_.size() >= max_waiting_) return nullptr;
    waiting_.push_back({std::move(job), cancelled});
  }
  wake_.notify_one();
  return cancelled;
}

void Workers::run() {
  if (nice_ != 0) static_cast<void>(::nice(nice_));  // on Linux that of this thread alone
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    if (entry.cancelled->load()) continue;
    running_.push_back(entry.cancelled);
    lock.unlock();
    entry.job(*entry.cancelled);
    entry.job = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
    std::erase(running_, entry.cancelled);
  }
}

}  // namespace musher
