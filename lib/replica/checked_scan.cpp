#include "replica/checked_scan.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace musher {
namespace {

constexpr std::size_t kBatchRows = 256;
constexpr std::size_t kBatchesPerWorker = 3;  // one in work, one ready, one being delivered

struct Batch {
  std::vector<CheckedRow> rows;
  bool done = false;
};

/// Workers that check batches; the caller submits and takes them back in order.
class Pool {
 public:
  Pool(const Verifier& verifier, Signatures signatures, unsigned threads)
      : verifier_(verifier), signatures_(signatures) {
    for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  void submit(std::shared_ptr<Batch> batch) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(batch));
    }
    ready_.notify_one();
  }

  void wait(const Batch& batch) {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return batch.done; });
  }

 private:
  void work(const std::stop_token& stop) {
    while (true) {
      std::shared_ptr<Batch> batch;
      {
        std::unique_lock lock(mutex_);
        if (!ready_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
        batch = std::move(waiting_.front());
        waiting_.pop_front();
      }
      check_rows(verifier_, batch->rows, signatures_);
      {
        const std::lock_guard lock(mutex_);
        batch->done = true;
      }
      finished_.notify_all();
    }
  }

  const Verifier& verifier_;
  const Signatures signatures_;
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::condition_variable finished_;
  std::deque<std::shared_ptr<Batch>> waiting_;
  std::vector<std::jthread> workers_;  // last: joined before what they use goes away
};

/// Keeps batches in order between the scan that fills them and the sink that takes them.
class Pipeline {
 public:
  Pipeline(Pool& pool, std::size_t depth, const std::function<bool(CheckedRow&&)>& sink)
      : pool_(pool), depth_(depth), sink_(sink) {}

  bool add(ScannedRow&& row) {
    if (!filling_) filling_ = std::make_shared<Batch>();
    filling_->rows.push_back(CheckedRow{std::move(row), {}, {}, false});
    return filling_->rows.size() < kBatchRows || flush();
  }

  bool finish() {
    if (filling_ && !flush()) return false;
    while (!in_flight_.empty()) {
      if (!deliver_oldest()) return false;
    }
    return true;
  }

 private:
  bool flush() {
    in_flight_.push_back(filling_);
    pool_.submit(std::move(filling_));
    filling_.reset();
    return in_flight_.size() < depth_ || deliver_oldest();
  }

  bool deliver_oldest() {
    const std::shared_ptr<Batch> batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    pool_.wait(*batch);
    return std::ranges::all_of(batch->rows, [this](CheckedRow& row) { return sink_(std::move(row)); });
  }

  Pool& pool_;
  const std::size_t depth_;
  const std::function<bool(CheckedRow&&)>& sink_;
  std::shared_ptr<Batch> filling_;
  std::deque<std::shared_ptr<Batch>> in_flight_;
};

}  // namespace

void check_rows(const Verifier& verifier, std::span<CheckedRow> rows, Signatures signatures, KnownSignatures* known) {
  std::vector<CheckedRow*> signed_rows;
  std::vector<SignatureClaim> claims;
  for (CheckedRow& checked : rows) {
    const OpRow* op = std::get_if<OpRow>(&checked.row);
    if (op == nullptr) continue;
    const auto id = verifier.check_unsigned(op->op);
    if (!id) {
      checked.reject = id.error();
      continue;
    }
    checked.computed_id = *id;
    if (*id != op->id) {
      checked.reject = Reject::id_mismatch;
    } else if (signatures != Signatures::skip) {
      checked.signature_checked = true;
      if (known != nullptr && known->has(*id, op->op.signature)) continue;
      signed_rows.push_back(&checked);
      claims.push_back({op->op.op.author, *id, op->op.signature});
    }
  }
  const std::vector<bool> hold = verifier.check_signatures(claims);
  for (std::size_t at = 0; at < claims.size(); ++at) {
    if (!hold[at])
      signed_rows[at]->reject = Reject::bad_signature;
    else if (known != nullptr)
      known->add(claims[at].id, claims[at].signature);
  }
}

CheckedRow check_row(const Verifier& verifier, ScannedRow row, Signatures signatures, KnownSignatures* known) {
  CheckedRow checked{std::move(row), {}, {}, false};
  check_rows(verifier, {&checked, 1}, signatures, known);
  return checked;
}

Result<void> checked_scan(LogReader& log, const ScanOptions& options, const std::function<bool(CheckedRow&&)>& sink) {
  const Verifier verifier(log.info().document, check_of(options.signatures));
  const auto cancelled = [&] { return options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed); };
  const unsigned threads = options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  if (threads == 1) {
    return log.scan(options.after, options.upto, [&](ScannedRow&& row) {
      return !cancelled() && sink(check_row(verifier, std::move(row), options.signatures, options.known));
    });
  }
  Pool pool(verifier, options.signatures, threads);
  Pipeline pipeline(pool, threads * kBatchesPerWorker, sink);
  bool wanted = true;
  const auto scanned = log.scan(options.after, options.upto, [&](ScannedRow&& row) {
    wanted = !cancelled() && pipeline.add(std::move(row));
    return wanted;
  });
  if (wanted) pipeline.finish();  // also the rows before a page that cannot be read
  return scanned;
}

}  // namespace musher
