#include "sync/inbound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "model/text.hpp"
#include "sync/reconcile.hpp"

namespace musher::sync {
namespace {

/// Beside the peer's own window: what it may have sent before it heard of anything, and answers to what was asked for.
constexpr std::size_t kWindowsWaiting = 2;
constexpr std::size_t kMostBatches = 64;      ///< then the peer waits
constexpr std::size_t kTipsPerRead = 1'024;   ///< so that other connections' reads come in between
constexpr std::size_t kOwnTips = 64;          ///< that are looked for: those of the highest index
constexpr std::size_t kMostAnswers = 65'536;  ///< to samples, while the wants before them wait for the link

}  // namespace

/// Of the tips of one round with this log.
struct Inbound::Comparison {
  std::vector<Tip> tips;
  std::size_t next = 0;
  bool under_way = false;
};

Inbound::Inbound(Services& services, const Limits& limits, const AuthorId& self, Hooks hooks)
    : services_(services), limits_(limits), self_(self), hooks_(std::move(hooks)) {}

/// The link may take seconds to close: what one connection may hold, one that is over holds no more.
void Inbound::stop() {
  stopped_ = true;
  lifetime_.end();
  batches_.clear();
  tips_ = {};
  comparison_.reset();
  wants_.clear();
  answers_.clear();
}

void Inbound::read(std::function<Result<void>(LogReader&)> job, std::function<void()> then) {
  services_.read(lifetime_.limit(std::move(job)), [weak = weak_from_this(), then = std::move(then)](Result<void> done) {
    const auto self = weak.lock();
    if (self == nullptr || self->stopped_) return;
    if (!done) return self->hooks_.end(unavailable(done.error()));
    then();
  });
}

// --- ops

bool Inbound::take(Ops ops, std::size_t bytes) {
  if (ops.serial != next_serial_) return false;
  ++next_serial_;
  ops_received_ += ops.ops.size();
  waiting_ops_ += ops.ops.size();
  waiting_bytes_ += bytes;
  if (waiting_ops_ > kWindowsWaiting * limits_.window_ops + kMaxIds ||
      waiting_bytes_ > kWindowsWaiting * limits_.window_bytes + kMaxMessageBytes) {
    return false;
  }
  batches_.push_back({ops.serial, ops.upto, bytes});
  if (batches_.size() >= kMostBatches) hooks_.pause(true);
  if (ops.ops.empty()) {
    verified(ops.serial, {});
    return true;
  }
  batches_.back().unverified = std::make_shared<std::vector<SignedOp>>(std::move(ops.ops));
  const bool taken = services_.verify(batches_.back().unverified,
                                      [weak = weak_from_this(), serial = ops.serial](Services::Verified result) {
                                        const auto self = weak.lock();
                                        if (self && !self->stopped_) self->verified(serial, std::move(result));
                                      });
  if (!taken) hooks_.end({CloseCode::unavailable, "too many ops wait to be verified"});
  return true;
}

void Inbound::verified(std::uint64_t serial, Services::Verified result) {
  const auto batch = std::ranges::find(batches_, serial, &Batch::serial);
  if (batch == batches_.end()) return;
  std::optional<Tip> own;
  for (const auto& op : result) {
    if (!op) continue;
    hooks_.peer_has(op->id());
    if (op->op().author == self_ && (!own || own->index < op->op().index)) own = {self_, op->op().index, op->id()};
  }
  if (own) look_for(*own);
  // It comes once more, behind what it depends on: those tips are wanted.
  const auto is_proof = [&](const auto& op) { return op && op->id() == proof_; };
  if (const auto shown = proof_ ? std::erase_if(result, is_proof) : 0; shown > 0) {
    waiting_ops_ -= shown;
    asked_.erase(*proof_);
    proof_.reset();
  }
  batch->unverified.reset();
  batch->verified = std::move(result);
  if (batch == batches_.begin()) hooks_.ready();
}

/// The peer sends what this node's own key wrote: is it here?
void Inbound::look_for(const Tip& own) {
  auto missing = std::make_shared<bool>(false);
  read(
      [missing, own](LogReader& log) -> Result<void> {
        MUSHER_TRY(const auto known, log.facts(own.id));
        *missing = !known;
        return {};
      },
      [this, missing, own] {
        if (*missing) hooks_.own_op_elsewhere(own);
        if (own_claimed_ && own_claimed_->index <= own.index) own_claimed_.reset();
      });
}

bool Inbound::has_ready() const { return !batches_.empty() && batches_.front().verified.has_value(); }

std::size_t Inbound::most_in_a_write(const Batch& next) const {
  if (!most_wait_) return kMostInAWrite;
  const std::size_t of_these =
      kMostBytesThatWait / std::max<std::size_t>(1, next.bytes / std::max<std::size_t>(1, next.verified->size()));
  return std::clamp<std::size_t>(of_these, 1, kMostThatWait);
}

Inbound::Work Inbound::take_ready() {
  Work work;
  work.round = round_;
  while (has_ready()) {
    Batch& batch = batches_.front();
    const std::size_t left = batch.verified->size() - batch.taken;
    const std::size_t most = most_in_a_write(batch);
    const std::size_t room = most - std::min(most, work.ops.size());
    if (left > room && work.last_serial != 0) break;
    for (std::size_t end = batch.taken + std::min(left, room); batch.taken < end; ++batch.taken) {
      --waiting_ops_;
      auto& op = (*batch.verified)[batch.taken];
      if (op) {
        work.ops.push_back(*std::move(op));
        continue;
      }
      work.refused = std::move(op).error();  // nothing behind it is taken: no honest node has it in its log
      return work;
    }
    if (left > room) break;  // the rest of it at the next turn
    work.last_serial = batch.serial;
    if (batch.upto) work.heard = batch.upto;
    waiting_bytes_ -= batch.bytes;
    batches_.pop_front();
  }
  if (batches_.size() < kMostBatches / 2) hooks_.pause(false);
  return work;
}

void Inbound::admitted(const Work& work, const BatchReport& report) {
  if (stopped_) return;
  for (const VerifiedOp& op : work.ops) asked_.erase(op.id());
  if (report.waiting + report.admitted > 0) most_wait_ = report.waiting > report.admitted;
  if (work.heard && work.round == round_) own_claimed_.reset();  // all that these tips led to is here
  if (work.refused) {
    return hooks_.end(
        {CloseCode::violation,
         fmt::format("an op that does not hold: {}; key {}, index {}", to_string(work.refused->why),
                     to_hex(work.refused->op.op.author.key).substr(0, 12), raw(work.refused->op.op.index))});
  }
  if (report.rejected) {
    return hooks_.end(
        {CloseCode::violation, fmt::format("op {} breaks a rule: {}", to_hex(report.rejected->first.hash).substr(0, 12),
                                           to_string(report.rejected->second))});
  }
  if (work.last_serial != 0) hooks_.send(encode(Ack{work.last_serial}));
  Ask ask;
  for (const OpId& id : report.missing) {
    if (asked_.contains(id)) continue;
    if (asked_.size() >= kMaxIds) {
      // So many are not found one by one. What is missing after that waits for the next connection: this log may be one
      // that cannot take in what the peer has (docs/decisions/0010).
      if (!std::exchange(lacks_much_, true)) reconcile();
      break;
    }
    asked_.insert(id);
    ask.ids.push_back(id);
  }
  if (!ask.ids.empty()) hooks_.send(encode(ask));
}

bool Inbound::take(const Absent& absent) {
  return std::ranges::none_of(absent.ids, [&](const OpId& id) { return asked_.contains(id); });
}

// --- reconciliation

void Inbound::reconcile() {
  if (std::exchange(tips_asked_, true)) return;
  hooks_.send(encode(Reconcile{}));
}

void Inbound::take(Tips tips) {
  if (tips.round != round_) {
    tips_.clear();
    comparison_.reset();
    wants_.clear();
    answers_.clear();
  }
  round_ = tips.round;
  for (Batch& batch : batches_) batch.upto.reset();  // of before: the mark begins anew with what these tips lead to
  if (tips_.size() + tips.tips.size() > kMostTips) return hooks_.end({CloseCode::violation, "too many tips"});
  tips_.insert(tips_.end(), tips.tips.begin(), tips.tips.end());
  if (!tips.last) return;
  tips_asked_ = false;
  wants_.clear();
  answers_.clear();
  wanted_ = samples_ = 0;
  comparison_ = std::make_shared<Comparison>();
  comparison_->tips = std::exchange(tips_, {});
  compare_own(comparison_);
}

/// First of all whether the peer has something of this node's own.
void Inbound::compare_own(const std::shared_ptr<Comparison>& comparison) {
  comparison->under_way = true;
  std::vector<Tip> own(kOwnTips);
  auto named = comparison->tips | std::views::filter([&](const Tip& tip) { return tip.author == self_; });
  const auto last = std::ranges::partial_sort_copy(named, own, std::ranges::greater{}, &Tip::index, &Tip::index).out;
  own.erase(last, own.end());
  auto lacks = std::make_shared<std::optional<Tip>>();
  ++lookups_;
  read(
      [lacks, own](LogReader& log) -> Result<void> {
        for (const Tip& tip : own) {
          MUSHER_TRY(const auto known, log.facts(tip.id));
          if (known) continue;
          *lacks = tip;
          break;
        }
        return {};
      },
      [this, comparison, lacks] {
        --lookups_;
        if (comparison != comparison_) return;  // there are newer tips
        comparison->under_way = false;
        own_claimed_.reset();
        const auto wanted = *lacks ? std::optional((*lacks)->id) : std::nullopt;
        if (*lacks && hooks_.own_op_claimed(**lacks)) own_claimed_ = *lacks;
        if (proof_ != wanted) {  // else it is asked for already
          if (proof_) asked_.erase(*proof_);
          proof_ = wanted;
          if (proof_) asked_.insert(*proof_);
          if (proof_) hooks_.send(encode(Ask{{*proof_}}));
        }
        pump();
      });
}

/// The next of the tips: what is wanted of them is in memory until the link has taken it, and no more.
void Inbound::compare(const std::shared_ptr<Comparison>& comparison) {
  comparison->under_way = true;
  ++lookups_;
  auto branches = std::make_shared<std::vector<Want::Branch>>();
  const std::size_t count = std::min(kTipsPerRead, comparison->tips.size() - comparison->next);
  read(
      [comparison, branches, count](LogReader& log) -> Result<void> {
        MUSHER_TRY(*branches, lacking(log, std::span(comparison->tips).subspan(comparison->next, count)));
        return {};
      },
      [this, comparison, branches, count] {
        --lookups_;
        if (comparison != comparison_) return;
        comparison->under_way = false;
        comparison->next += count;
        const bool last = comparison->next == comparison->tips.size();
        if (last) comparison_.reset();
        if (last || !branches->empty()) want(std::move(*branches), last);
        pump();
      });
}

void Inbound::want(std::vector<Want::Branch> branches, bool last) {
  Want want{.round = round_, .branches = {}, .last = false};
  std::size_t bases = 0;
  wanted_ += branches.size();
  for (Want::Branch& branch : branches) {
    if (want.branches.size() == kMaxWants || bases + branch.bases.size() > kMaxTips / 2) {
      wants_.push_back(std::exchange(want, Want{.round = round_, .branches = {}, .last = false}));
      bases = 0;
    }
    bases += branch.bases.size();
    want.branches.push_back(std::move(branch));
  }
  want.last = last;
  wants_.push_back(std::move(want));
}

void Inbound::pump() {
  while (!stopped_ && hooks_.queued_bytes() < kQueuedBytes) {
    if (!wants_.empty()) {
      hooks_.send(encode(wants_.front()));
      wants_.pop_front();
    } else if (comparison_) {
      if (!comparison_->under_way) compare(comparison_);
      return;
    } else if (!answers_.empty()) {
      hooks_.send(encode(answers_.front()));
      answers_.pop_front();
    } else {
      return;
    }
  }
}

void Inbound::take(Samples samples) {
  if (samples.round != round_) return;
  // One for each branch that is wanted; who sends more has them looked up for nothing.
  if (++samples_ > wanted_) return hooks_.end({CloseCode::violation, "samples of what was not wanted"});
  auto branch = std::make_shared<Want::Branch>();
  read(
      [branch, samples = std::move(samples)](LogReader& log) -> Result<void> {
        MUSHER_TRY(*branch, nearest_base(log, samples));
        return {};
      },
      [this, branch, round = round_] {
        if (round != round_) return;
        answers_.push_back(Want{.round = round, .branches = {*branch}, .last = true});
        if (answers_.size() > kMostAnswers) {
          return hooks_.end({CloseCode::unavailable, "it takes nothing, and sends more samples than can wait"});
        }
        pump();
      });
}

}  // namespace musher::sync
