#include "sync/inbound.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "sync/reconcile.hpp"

namespace musher::sync {
namespace {

/// Beside the peer's own window: what it may have sent before it heard of anything, and answers to what was asked for.
constexpr std::size_t kWindowsWaiting = 2;
constexpr std::size_t kMostBatches = 64;  ///< then the peer waits
constexpr std::size_t kMostTips = 262'144;

}  // namespace

Inbound::Inbound(Services& services, const Limits& limits, const AuthorId& self, Hooks hooks)
    : services_(services), limits_(limits), self_(self), hooks_(std::move(hooks)) {}

void Inbound::read(std::function<Result<void>(LogReader&)> job, std::function<void()> then) {
  services_.read(std::move(job), [self = shared_from_this(), then = std::move(then)](Result<void> done) {
    if (self->stopped_) return;
    if (!done) return self->hooks_.end({CloseCode::unavailable, done.error().what});
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
  services_.verify(std::move(ops.ops), [self = shared_from_this(), serial = ops.serial](Services::Verified result) {
    if (!self->stopped_) self->verified(serial, std::move(result));
  });
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
  most_wait_ = report.waiting > report.admitted;
  if (work.refused) {
    return hooks_.end(
        {CloseCode::violation, fmt::format("an op that does not hold: {}", to_string(work.refused->why))});
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
    if (asked_.size() == kMaxIds) {
      // So many are not found one by one. What is missing after that waits for the next connection: this log may be one
      // that cannot take in what the peer has (docs/decisions/0010).
      if (!std::exchange(reconciled_, true)) reconcile();
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
  if (tips.round != round_) tips_.clear();
  round_ = tips.round;
  if (tips_.size() + tips.tips.size() > kMostTips) return hooks_.end({CloseCode::violation, "too many tips"});
  tips_.insert(tips_.end(), tips.tips.begin(), tips.tips.end());
  if (!tips.last) return;
  tips_asked_ = false;
  for (Batch& batch : batches_) batch.upto.reset();  // of before: the mark begins anew with what these tips lead to
  struct Found {
    std::vector<Want::Branch> branches;
    std::optional<Tip> own;
  };
  auto found = std::make_shared<Found>();
  read(
      [found, tips = std::exchange(tips_, {}), self = self_](LogReader& log) -> Result<void> {
        MUSHER_TRY(found->branches, lacking(log, tips));
        for (const Want::Branch& branch : found->branches) {
          const auto tip = std::ranges::find(tips, branch.tip, &Tip::id);
          if (tip->author == self && (!found->own || found->own->index < tip->index)) found->own = *tip;
        }
        return {};
      },
      [this, found, round = round_] {
        if (round != round_) return;
        if (found->own) hooks_.own_op_elsewhere(*found->own);
        Want want{.round = round, .branches = {}, .last = false};
        std::size_t bases = 0;
        for (Want::Branch& branch : found->branches) {
          bases += branch.bases.size();
          want.branches.push_back(std::move(branch));
          if (want.branches.size() < kMaxWants && bases < kMaxTips / 2) continue;
          hooks_.send(encode(std::exchange(want, Want{.round = round, .branches = {}, .last = false})));
          bases = 0;
        }
        want.last = true;
        hooks_.send(encode(want));
      });
}

void Inbound::take(Samples samples) {
  if (samples.round != round_) return;
  auto branch = std::make_shared<Want::Branch>();
  read(
      [branch, samples = std::move(samples)](LogReader& log) -> Result<void> {
        MUSHER_TRY(*branch, nearest_base(log, samples));
        return {};
      },
      [this, branch, round = round_] {
        if (round == round_) hooks_.send(encode(Want{.round = round, .branches = {*branch}, .last = true}));
      });
}

}  // namespace musher::sync
