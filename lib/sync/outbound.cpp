#include "sync/outbound.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "sync/reconcile.hpp"

namespace musher::sync {
namespace {

/// Of rows that the peer has already: their mark alone is worth a message when so many have gathered.
constexpr std::int64_t kSkippedRows = 4'096;
/// A peer has at most kMaxIds questions open, as it sees it; what is on its way to it may answer some.
constexpr std::size_t kMostAsked = 4 * kMaxIds;
constexpr std::uint64_t kLookUpsPerRead = 4'096;  ///< or some thousands more: others' reads come in between

}  // namespace

/// For the rows of one part of what the peer wants.
struct Outbound::Search {
  std::vector<Want::Branch> branches;
  std::size_t next = 0;
  std::vector<Samples> samples{};
  bool too_much = false;
};

Outbound::Outbound(Services& services, const Tail& tail, const Limits& limits, Hooks hooks)
    : services_(services), tail_(tail), limits_(limits), hooks_(std::move(hooks)), last_progress_(services.now()) {}

void Outbound::stop() {
  stopped_ = true;
  lifetime_.end();
  tips_.clear();
  wanted_.reset();
  searches_.clear();
  samples_.clear();
  rows_ = {};
  next_row_ = 0;
  asked_ = {};
}

/// One read at a time of this connection. `then` is called when it worked and the connection still stands.
void Outbound::read(std::function<Result<void>(LogReader&)> job, std::function<void()> then) {
  services_.read(lifetime_.limit(std::move(job)), [weak = weak_from_this(), then = std::move(then)](Result<void> done) {
    const auto self = weak.lock();
    if (self == nullptr || self->stopped_) return;
    if (!done) return self->hooks_.end(unavailable(done.error()));
    then();
  });
}

void Outbound::resume(const LogMark& mark) {
  sent_ = mark;
  acknowledged_ = mark.row;
  phase_ = Phase::streaming;
  pump();
}

void Outbound::withdraw_tips() {
  phase_ = Phase::waiting;
  wanted_.reset();
  rows_.clear();
  next_row_ = 0;
  ++round_;
  want_complete_ = false;
  samples_out_ = 0;
  tips_.clear();
  searches_.clear();
  samples_.clear();
}

void Outbound::send_tips() {
  withdraw_tips();
  phase_ = Phase::collecting;
  wanted_ = std::make_shared<WantedRows>(true);
  auto messages = std::make_shared<std::vector<Tips>>();
  read(
      [messages](LogReader& log) -> Result<void> {
        MUSHER_TRY(*messages, tips_of(log));
        return {};
      },
      [this, messages, round = round_] {
        if (round != round_) return;
        tips_upto_ = messages->front().upto;
        std::size_t count = 0;
        for (Tips& tips : *messages) {
          tips.round = round;
          count += tips.tips.size();
          tips_.push_back(std::move(tips));
        }
        if (count > kMostTips) {
          return hooks_.end({CloseCode::unavailable,
                             fmt::format("{} branches of authors: more than {} are not compared", count, kMostTips),
                             "between their files, with the servers on or off: musher sync FILE-A FILE-B"});
        }
        pump();
      });
}

void Outbound::take(Want want) {
  if (want.round != round_ || phase_ != Phase::collecting) return;  // of tips that were sent again since
  if (want_complete_) {
    if (samples_out_ == 0 || want.branches.size() != 1) {
      return hooks_.end({CloseCode::violation, "a want that no samples asked for, after its last part"});
    }
    --samples_out_;
  }
  want_complete_ |= want.last;
  auto search = std::make_shared<Search>();
  search->branches = std::move(want.branches);
  searches_.push_back(std::move(search));
  go_on_looking_up();
}

/// Not before the samples that were found are sent: a link takes only so much.
void Outbound::go_on_looking_up() {
  if (!searching_ && samples_.empty() && !searches_.empty()) look_up(searches_.front());
}

void Outbound::look_up(const std::shared_ptr<Search>& search) {
  searching_ = true;
  read(
      [search, wanted = wanted_](LogReader& log) -> Result<void> {
        wanted->look_up_at_most(kLookUpsPerRead);
        while (search->next < search->branches.size() && !wanted->is_spent() && !wanted->too_much()) {
          MUSHER_TRY(auto samples, wanted->add(log, search->branches[search->next]));
          if (wanted->goes_on()) break;
          ++search->next;
          if (samples) search->samples.push_back(*std::move(samples));
        }
        search->too_much = wanted->too_much();
        return {};
      },
      [this, search, round = round_] {
        searching_ = false;
        if (round != round_) return go_on_looking_up();  // tips were sent again: what was being looked up is gone
        if (search->too_much) {
          return hooks_.end({CloseCode::violation, "it wants the same ops again and again"});
        }
        samples_out_ += search->samples.size();
        for (Samples& each : std::exchange(search->samples, {})) {
          each.round = round_;
          samples_.push_back(std::move(each));
        }
        if (search->next == search->branches.size()) searches_.pop_front();
        pump();
        rows_are_complete();
      });
}

void Outbound::rows_are_complete() {
  if (phase_ != Phase::collecting || !want_complete_ || !searches_.empty() || samples_out_ > 0) return;
  phase_ = Phase::sorting;
  // Behind whatever else the peer has had looked up: nobody adds to them any more.
  auto rows = std::make_shared<std::vector<RowId>>();
  read(
      [rows, wanted = std::exchange(wanted_, nullptr)](LogReader&) -> Result<void> {
        *rows = wanted->rows();
        return {};
      },
      [this, rows, round = round_] {
        if (round != round_ || phase_ != Phase::sorting) return;
        rows_ = std::move(*rows);
        phase_ = Phase::rows;
        pump();
      });
}

void Outbound::take(const Ask& ask) {
  struct Answer {
    std::vector<RowId> rows;
    Absent absent;
  };
  auto answer = std::make_shared<Answer>();
  read(
      [answer, ids = ask.ids](LogReader& log) -> Result<void> {
        for (const OpId& id : ids) {
          MUSHER_TRY(const auto links, log.links(id));
          if (links) {
            answer->rows.push_back(links->row);
          } else {
            answer->absent.ids.push_back(id);
          }
        }
        return {};
      },
      [this, answer] {
        asked_.insert(asked_.end(), answer->rows.begin(), answer->rows.end());
        std::ranges::sort(asked_);
        asked_.erase(std::ranges::unique(asked_).begin(), asked_.end());
        if (asked_.size() > kMostAsked) {
          return hooks_.end({CloseCode::violation, "it asks for more and does not take what it asked for"});
        }
        if (!answer->absent.ids.empty()) hooks_.send(encode(answer->absent));
        pump();
      });
}

bool Outbound::take(const Ack& ack) {
  if (under_way_.empty() || ack.serial < under_way_.front().serial || ack.serial > under_way_.back().serial) {
    return false;
  }
  while (!under_way_.empty() && under_way_.front().serial <= ack.serial) {
    const UnderWay& done = under_way_.front();
    ops_under_way_ -= done.ops;
    bytes_under_way_ -= done.bytes;
    if (done.row) acknowledged_ = std::max(acknowledged_, *done.row);
    under_way_.pop_front();
  }
  last_progress_ = services_.now();
  pump();
  return true;
}

bool Outbound::may_send() const {
  return !stopped_ && !reading_ && ops_under_way_ < limits_.window_ops && bytes_under_way_ < limits_.window_bytes &&
         hooks_.queued_bytes() < kQueuedBytes;
}

void Outbound::pump() {
  while (!stopped_ && !tips_.empty() && hooks_.queued_bytes() < kQueuedBytes) {
    hooks_.send(encode(tips_.front()));
    tips_.pop_front();
  }
  while (!stopped_ && !samples_.empty() && hooks_.queued_bytes() < kQueuedBytes) {
    hooks_.send(encode(samples_.front()));
    samples_.pop_front();
  }
  go_on_looking_up();
  while (may_send()) {
    const std::uint64_t before = serial_;
    if (!asked_.empty()) {
      send_asked();
    } else if (phase_ == Phase::rows) {
      send_wanted();
    } else if (phase_ == Phase::streaming) {
      stream();
    }
    if (serial_ == before) return;  // nothing to send, or it is being read
  }
}

void Outbound::send_asked() {
  reading_ = true;
  const std::vector<RowId> wanted(asked_.begin(),
                                  asked_.begin() + static_cast<std::ptrdiff_t>(std::min(asked_.size(), kMaxBatchOps)));
  auto ops = std::make_shared<OutOps>();
  read(
      [ops, wanted](LogReader& log) -> Result<void> {
        MUSHER_TRY(*ops, read_rows(log, wanted));
        return {};
      },
      [this, ops, wanted] {
        reading_ = false;
        const RowId last = ops->empty() ? wanted.back() : ops->back()->mark.row;
        std::erase_if(asked_, [&](RowId row) { return row <= last && std::ranges::binary_search(wanted, row); });
        if (!ops->empty()) send_batch(*ops, std::nullopt);
        pump();
      });
}

void Outbound::send_wanted() {
  if (next_row_ == rows_.size()) {
    rows_ = {};
    next_row_ = 0;
    phase_ = Phase::streaming;
    sent_ = tips_upto_;
    send_batch({}, sent_);
    return;
  }
  reading_ = true;
  const std::size_t count = std::min(rows_.size() - next_row_, kMaxBatchOps);
  std::vector<RowId> wanted(rows_.begin() + static_cast<std::ptrdiff_t>(next_row_),
                            rows_.begin() + static_cast<std::ptrdiff_t>(next_row_ + count));
  auto ops = std::make_shared<OutOps>();
  read(
      [ops, wanted](LogReader& log) -> Result<void> {
        MUSHER_TRY(*ops, read_rows(log, wanted));
        return {};
      },
      [this, ops, count] {
        reading_ = false;
        if (phase_ != Phase::rows || next_row_ + count > rows_.size()) return pump();  // tips were sent again
        const RowId last = ops->empty() ? rows_[next_row_ + count - 1] : ops->back()->mark.row;
        while (next_row_ < rows_.size() && rows_[next_row_] <= last) ++next_row_;
        if (!ops->empty()) send_batch(*ops, std::nullopt);
        pump();
      });
}

void Outbound::stream() {
  if (const auto ops = tail_.after(sent_)) {
    if (!ops->empty()) stream_batch(*ops);
    return;
  }
  reading_ = true;
  auto ops = std::make_shared<OutOps>();
  read(
      [ops, after = sent_](LogReader& log) -> Result<void> {
        MUSHER_TRY(*ops, read_after(log, after));
        return {};
      },
      [this, ops, after = sent_] {
        reading_ = false;
        if (phase_ == Phase::streaming && sent_ == after) {
          if (!ops->empty()) stream_batch(*ops);
          // Memory may not have got as far as the file: once it has, there is more to do.
          if (ops->empty() && asked_.empty() && sent_.row >= tail_.end().row) return;
        }
        pump();
      });
}

void Outbound::stream_batch(const OutOps& ops) {
  OutOps wanted;
  for (const auto& op : ops) {
    if (!from_peer_.contains(op->id)) wanted.push_back(op);
  }
  const std::int64_t unsaid = raw(ops.back()->mark.row) - raw(acknowledged_);
  const bool at_end = ops.back()->mark.row >= tail_.end().row;  // above: memory has not got that far
  sent_ = ops.back()->mark;
  // Behind ops that it has already the peer's mark moves all the same.
  if (wanted.empty() && !at_end && unsaid < kSkippedRows) return stream();
  send_batch(wanted, sent_);
}

void Outbound::send_batch(const OutOps& ops, const std::optional<LogMark>& upto) {
  std::string encoded;
  for (const auto& op : ops) encoded += op->bytes;
  std::string message = encode_ops(++serial_, upto, ops.size(), encoded);
  if (under_way_.empty()) last_progress_ = services_.now();
  under_way_.push_back({serial_, ops.size(), message.size(), upto ? std::optional(upto->row) : std::nullopt});
  ops_under_way_ += ops.size();
  bytes_under_way_ += message.size();
  ops_sent_ += ops.size();
  hooks_.send(std::move(message));
}

void Outbound::check_time(std::chrono::milliseconds now) {
  if (under_way_.empty() || now - last_progress_ < limits_.stall) return;
  hooks_.end({CloseCode::too_slow, "nothing was acknowledged in time; reconnect to resume"});
}

}  // namespace musher::sync
