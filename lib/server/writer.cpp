#include "server/writer.hpp"

#include "oplog/sqlite_op_log.hpp"

namespace musher {

Writer::Writer(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

Writer::~Writer() { stop(); }

void Writer::stop() {
  std::deque<Entry> never_begun;  // goes on this thread, without the mutex
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    never_begun.swap(waiting_);
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool Writer::submit(std::string actor, Job job, std::function<void(Error)> failed) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || waiting_.size() >= options_.max_waiting) return false;
    waiting_.push_back({std::move(actor), std::move(job), std::move(failed)});
  }
  wake_.notify_one();
  return true;
}

void Writer::reopen(std::filesystem::path log) {
  const std::lock_guard lock(mutex_);
  reopen_ = std::move(log);
}

std::optional<std::chrono::steady_clock::time_point> Writer::busy_since() const {
  const std::lock_guard lock(mutex_);
  return busy_since_;
}

void Writer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    busy_since_ = std::chrono::steady_clock::now();
    auto reopen = std::exchange(reopen_, std::nullopt);
    lock.unlock();
    if (reopen) {
      close();
      options_.log = *std::move(reopen);
    }
    work(std::move(entry));
    lock.lock();
    busy_since_.reset();
  }
}

void Writer::work(Entry entry) {
  auto opened = replica();
  if (!opened) return entry.failed(std::move(opened).error());
  (*opened)->set_actor(entry.actor);
  entry.job(**opened);
}

void Writer::close() {
  if (!replica_) return;
  if (auto identity = replica_->take_identity()) options_.identity = *std::move(identity);
  waiting_index_ = replica_->take_waiting_index();
  replica_.reset();
}

Result<Replica*> Writer::replica() {
  if (replica_) return replica_.get();
  MUSHER_TRY(auto log, SqliteOpLog::open(options_.log, OpenMode::write));
  replica_ = std::make_unique<Replica>(std::move(log), options_.host);
  replica_->set_lock_timeout(options_.lock_timeout);
  replica_->use_identity(std::move(options_.identity));
  replica_->use_waiting_index(std::exchange(waiting_index_, {}));
  return replica_.get();
}

}  // namespace musher
