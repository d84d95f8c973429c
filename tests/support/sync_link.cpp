// The connections of the simulated world.
#include <algorithm>

#include "support/sync_world.hpp"

namespace musher::testing {
namespace {

/// As a tap sees it: what comes behind the handshake has a tag, a greeting that is said again too.
std::string_view without_tag(std::string_view message) {
  constexpr char kHello = 1, kProof = 2;
  constexpr std::size_t kHelloBytes = 111, kProofBytes = 65;
  const bool greets = (message.starts_with(kHello) && message.size() == kHelloBytes) ||
                      (message.starts_with(kProof) && message.size() == kProofBytes);
  return message.substr(0, message.size() - (greets ? 0 : std::min(message.size(), sync::Seal::kTagBytes)));
}

using std::chrono::microseconds;

// As http::WebSocketLimits.
constexpr std::size_t kQueueBytes = 8U << 20U;
constexpr std::size_t kLowWaterBytes = 256U << 10U;
constexpr std::size_t kSystemBytes = 256U << 10U;  ///< on the way to who does not read
constexpr microseconds kCloseTimeout{5'000'000};

}  // namespace

void SimLink::send(std::string message) {
  if (closed_ || closing_) return;
  if (queued_ + message.size() > kQueueBytes) return close(1013, "the send queue is full");
  ++world_.messages;
  world_.bytes += message.size();
  if (world_.chance(world_.weather.cut)) return cut();
  const auto latency = microseconds(world_.pick(static_cast<std::uint64_t>(world_.weather.least_latency.count()),
                                                static_cast<std::uint64_t>(world_.weather.most_latency.count())));
  last_arrival_ = std::max(last_arrival_, world_.now() + latency);
  queued_ += message.size();
  above_low_water_ = above_low_water_ || queued_ > kLowWaterBytes;
  world_.at(last_arrival_, [self = self_.lock(), message = std::move(message)]() mutable {
    if (const auto other = self->other_.lock()) {
      other->arrive(std::move(message));
    } else {
      self->taken(message.size());
    }
  });
}

/// From the sender's queue, by what the receiver's system holds for who does not read, or by who reads.
void SimLink::taken(std::size_t bytes) {
  queued_ -= bytes;
  if (!above_low_water_ || queued_ > kLowWaterBytes) return;
  above_low_water_ = false;
  if (user_ && !closed_) user_->drained();
}

void SimLink::arrive(std::string message) {
  const auto sender = other_.lock();
  const std::size_t size = message.size();
  const bool is_taken = closed_ || arrived_bytes_ == 0 || arrived_bytes_ + size <= kSystemBytes;
  if (!closed_) {
    arrived_bytes_ += size;
    arrived_.push({std::move(message), is_taken});
    deliver();
  }
  if (is_taken && sender) sender->taken(size);
}

void SimLink::deliver() {
  const auto keep = self_.lock();
  while (!paused_ && !closed_ && user_ && !arrived_.empty()) {
    const auto [message, is_taken] = std::move(arrived_.front());
    arrived_.pop();
    arrived_bytes_ -= message.size();
    if (const auto sender = other_.lock(); sender && !is_taken) {
      world_.at(world_.now(), [sender, size = message.size()] { sender->taken(size); });
    }
    if (message.size() > message_bytes_) return close(1009, "a message is too long");
    world_.trace(message);
    if (world_.tap) world_.tap(without_tag(message));
    const auto user = user_;
    user->received(message);
  }
}

void SimLink::pause(bool paused) {
  paused_ = paused;
  if (!paused) world_.at(world_.now(), [self = self_.lock()] { self->deliver(); });
}

void SimLink::start(std::shared_ptr<sync::LinkUser> user) {
  user_ = std::move(user);
  world_.at(world_.now(), [self = self_.lock()] { self->deliver(); });
}

void SimLink::close(std::uint16_t code, std::string_view reason) {
  if (closed_ || std::exchange(closing_, true)) return;
  closing_code_ = code;
  closing_reason_ = reason;
  // Who closes waits for the other end's goodbye, but not for ever.
  const auto takes = other_.expired() ? kCloseTimeout : microseconds(100);
  world_.at(std::max(last_arrival_, world_.now() + takes), [self = self_.lock(), code, why = std::string(reason)] {
    if (const auto other = self->other_.lock()) other->end(code, why, true);
    self->end(code, why, false);
  });
}

void SimLink::end_closing() {
  if (!closing_ || closed_) return;
  world_.at(world_.now(), [self = self_.lock()] { self->end(self->closing_code_, self->closing_reason_, false); });
}

void SimLink::cut() {
  const auto later = [&] { return world_.now() + microseconds(world_.pick(100, 10'000'000)); };
  world_.at(later(), [self = self_.lock()] { self->end(1006, "", false); });
  if (const auto other = other_.lock()) {
    world_.at(later(), [other] { other->end(1006, "", false); });
    other->other_.reset();
  }
  other_.reset();
}

void SimLink::end(std::uint16_t code, std::string reason, bool by_peer) {
  if (std::exchange(closed_, true)) return;
  if (const auto user = std::exchange(user_, nullptr)) user->closed(code, reason, by_peer);
}

}  // namespace musher::testing
