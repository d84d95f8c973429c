#include "http/live_web_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cassert>
#include <deque>

#include "http/message_stream.hpp"
#include "model/text.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using Clock = Wire::Clock;
using Closed = WebSocketClosed;

/// What a close frame has room for.
constexpr std::size_t kLongestReason = 123;
/// Bytes that came and were no part of a message, no ping and no pong: then they are fragments with nothing in them.
constexpr std::uint64_t kMostEmptyFragments = 64U << 10U;

milliseconds check_interval(const WebSocketLimits& limits) {
  const milliseconds shortest =
      std::min({limits.ping_interval, limits.idle_timeout, limits.message_timeout, limits.close_timeout});
  return std::clamp(shortest / 4, milliseconds{5}, milliseconds{1'000});
}

std::string_view fitting_reason(std::string_view reason) {
  if (!is_utf8(reason)) return {};
  std::size_t size = std::min(reason.size(), kLongestReason);
  while (!is_utf8(reason.substr(0, size))) --size;
  return reason.substr(0, size);
}

class QueuedSocket final : public LiveWebSocket, public std::enable_shared_from_this<QueuedSocket> {
 public:
  using Accepted = std::function<void(std::shared_ptr<WebSocket>)>;
  using Answered = std::function<void(Result<std::shared_ptr<WebSocket>>)>;

  QueuedSocket(asio::io_context& io, WebSocketParts parts, std::string_view unread);
  ~QueuedSocket() override { tell_gone(); }

  void accept(const Request& request, const std::string& subprotocol, Accepted done);
  void offer(const WebSocketOffer& offer, Answered done);

  void start(std::shared_ptr<WebSocketUser> user) override;
  bool send(std::string message) override;
  [[nodiscard]] std::size_t queued_bytes() const override { return queued_; }
  void allow(std::size_t message_bytes) override {
    if (phase_ == Phase::open) stream_->allow(message_bytes);
  }
  void pause() override { paused_ = true; }
  void resume() override;
  void close(std::uint16_t code, std::string_view reason) override;
  void cut(std::string_view why) override { end({1006, std::string(why), false}); }
  [[nodiscard]] std::optional<Clock::time_point> closing_until() const override {
    return phase_ == Phase::closing ? std::optional(deadline_) : std::nullopt;
  }
  void end_closing() override {
    if (phase_ == Phase::closing) end(goodbye_);
  }
  [[nodiscard]] const std::string& peer() const override { return peer_; }
  [[nodiscard]] const std::string& subprotocol() const override { return subprotocol_; }
  [[nodiscard]] std::optional<ChannelBinding> channel_binding() const override;

 private:
  enum class Phase : std::uint8_t {
    handshake,
    open,
    closing,  ///< what is queued goes out, then goodbye_
    ended,    ///< how_ says how; the connection is closed
    gone,     ///< nothing of it is left
  };

  void enter_open();
  void watch(std::shared_ptr<WebSocketUser> user);
  void check_time();
  void ping();
  void on_control();

  void read();
  void on_read(const std::expected<MessageStream::Part, MessageStream::ReadEnd>& part);
  void deliver(std::string_view message);

  void write_next();
  void on_written(bool done);
  void say_goodbye();

  void end(Closed how);
  void end_broken();
  void on_quiet();
  void tell_gone();
  void tell_closed(const std::shared_ptr<WebSocketUser>& user) const;

  // fixed after construction
  asio::io_context& io_;
  const std::string peer_;
  const WebSocketLimits limits_;
  const std::shared_ptr<Wire> wire_;

  // where it is
  std::shared_ptr<MessageStream> stream_;  ///< null when gone
  std::string subprotocol_;
  std::function<void()> on_gone_;
  Phase phase_ = Phase::handshake;
  Clock::time_point deadline_;  ///< of handshake and closing
  Closed goodbye_;
  bool said_goodbye_ = false;
  std::optional<Closed> how_;

  // its user: owned by the timer's operation, so that no cycle is left with an io_context that ends
  std::weak_ptr<WebSocketUser> user_;
  bool started_ = false;
  asio::steady_timer timer_;
  Clock::time_point last_ping_;
  bool pinging_ = false;
  std::size_t controls_ = 0;  ///< since last_ping_

  // input
  std::optional<Clock::time_point> message_began_;
  std::uint64_t understood_ = 0;  ///< of wire_->heard_bytes()
  bool reading_ = false;
  bool paused_ = false;
  Clock::time_point listening_since_;     ///< start() or resume(): silence before it was ours
  std::optional<std::string_view> held_;  ///< a whole message that waits for resume()

  // output
  std::deque<std::string> queue_;  ///< the first is being written
  std::size_t queued_ = 0;         ///< bytes
  bool above_low_water_ = false;
  bool writing_ = false;
};

QueuedSocket::QueuedSocket(asio::io_context& io, WebSocketParts parts, std::string_view unread)
    : io_(io),
      peer_(std::move(parts.peer)),
      limits_(parts.limits),
      wire_(std::make_shared<Wire>(io, std::move(parts.transport), unread)),
      stream_(MessageStream::make(wire_, {limits_.message_bytes, parts.deflate, [this] { on_control(); }})),
      on_gone_(std::move(parts.on_gone)),
      deadline_(Clock::now() + limits_.handshake_timeout),
      timer_(io),
      last_ping_(Clock::now()) {}

// --- the handshake

void QueuedSocket::accept(const Request& request, const std::string& subprotocol, Accepted done) {
  subprotocol_ = subprotocol;
  watch({});
  stream_->accept(request, subprotocol, [self = shared_from_this(), done = std::move(done)](bool accepted) {
    if (self->phase_ != Phase::handshake) return;
    if (!accepted) return self->cut("the connection broke");
    self->enter_open();
    done(self);
  });
}

void QueuedSocket::offer(const WebSocketOffer& offer, Answered done) {
  watch({});
  stream_->offer(offer, [self = shared_from_this(), done = std::move(done)](Result<std::string> subprotocol) {
    if (self->phase_ != Phase::handshake) return;
    if (!subprotocol) {
      self->cut(subprotocol.error().what);
      return done(std::unexpected(std::move(subprotocol).error()));
    }
    self->subprotocol_ = *std::move(subprotocol);
    self->enter_open();
    done(self);
  });
}

void QueuedSocket::enter_open() {
  phase_ = Phase::open;
  last_ping_ = Clock::now();
}

// --- time

/// The operation owns the socket from its start() on; before, whoever holds it does.
void QueuedSocket::watch(std::shared_ptr<WebSocketUser> user) {
  timer_.expires_after(check_interval(limits_));
  auto self = user ? shared_from_this() : nullptr;
  timer_.async_wait(
      [weak = weak_from_this(), self = std::move(self), user = std::move(user)](error_code error) mutable {
        const auto socket = weak.lock();
        if (!socket || error || socket->phase_ == Phase::gone) return;
        socket->check_time();
        socket->watch(std::move(user));
      });
}

void QueuedSocket::check_time() {
  const auto now = Clock::now();
  const auto over = [&](Clock::time_point since, milliseconds limit) { return now - since >= limit; };
  if (phase_ == Phase::ended) return;
  if (const auto since = wire_->ending_since(); since && over(*since, limits_.close_timeout)) {
    return wire_->stop_ending();
  }
  if ((writing_ || pinging_) && over(wire_->taken(), limits_.idle_timeout)) return cut("the peer takes nothing");
  if (phase_ == Phase::handshake) {
    if (now >= deadline_) cut("the handshake took too long");
    return;
  }
  if (phase_ == Phase::closing) {
    if (now >= deadline_) end_closing();
    return;
  }
  if (reading_ && over(std::max(wire_->heard(), listening_since_), limits_.idle_timeout))
    return cut("the peer was not heard of");
  if (reading_ && message_began_ && over(*message_began_, limits_.message_timeout)) {
    return close(1008, "a message took too long");
  }
  if (reading_ && wire_->heard_bytes() - understood_ > kMostEmptyFragments) {
    return close(1008, "too many empty fragments");
  }
  if (over(last_ping_, limits_.ping_interval)) ping();
}

void QueuedSocket::ping() {
  last_ping_ = Clock::now();
  controls_ = 0;
  if (std::exchange(pinging_, true)) return;
  stream_->ping([self = shared_from_this()](bool done) {
    self->pinging_ = false;
    if (!done) self->end_broken();
  });
}

/// Called from within the stream.
void QueuedSocket::on_control() {
  understood_ = wire_->heard_bytes();
  if (++controls_ != limits_.controls + 1) return;
  asio::post(io_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->close(1008, "too many pings");
  });
}

// --- input

void QueuedSocket::start(std::shared_ptr<WebSocketUser> user) {
  assert(!started_);
  started_ = true;
  user_ = user;
  if (phase_ == Phase::gone) {
    asio::post(io_, [self = shared_from_this(), user = std::move(user)] { self->tell_closed(user); });
    return;
  }
  listening_since_ = Clock::now();
  watch(std::move(user));
  read();
}

void QueuedSocket::resume() {
  paused_ = false;
  listening_since_ = Clock::now();
  if (message_began_) message_began_ = listening_since_;
  asio::post(io_, [self = shared_from_this()] {
    if (self->held_ && !self->paused_ && self->phase_ == Phase::open) {
      self->deliver(*std::exchange(self->held_, std::nullopt));
    }
    self->read();
  });
}

void QueuedSocket::read() {
  const bool wanted = started_ && (phase_ == Phase::open || phase_ == Phase::closing) && !paused_ && !held_;
  if (!wanted || reading_ || said_goodbye_) return;
  reading_ = true;
  stream_->read([self = shared_from_this()](const auto& part) { self->on_read(part); });
}

void QueuedSocket::on_read(const std::expected<MessageStream::Part, MessageStream::ReadEnd>& part) {
  reading_ = false;
  understood_ = wire_->heard_bytes();
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  if (!part) {
    if (part.error()) end(*part.error());
    return;
  }
  if (!part->is_binary) close(1003, "messages are binary here");
  if (phase_ == Phase::closing) {
    stream_->clear();
  } else if (!part->is_whole) {
    if (!message_began_) message_began_ = Clock::now();
  } else if (paused_) {
    held_ = part->bytes;
  } else {
    deliver(part->bytes);
  }
  read();
}

void QueuedSocket::deliver(std::string_view message) {
  message_began_.reset();
  if (const auto user = user_.lock()) user->on_message(message);
  stream_->clear();
}

// --- output

bool QueuedSocket::send(std::string message) {
  if (phase_ != Phase::open) return false;
  if (queued_ + message.size() > limits_.queue_bytes) {
    while (queue_.size() > 1) {
      queued_ -= queue_.back().size();
      queue_.pop_back();
    }
    close(1013, "too slow");
    return false;
  }
  queued_ += message.size();
  above_low_water_ = above_low_water_ || queued_ > limits_.low_water_bytes;
  queue_.push_back(std::move(message));
  if (!writing_) write_next();
  return true;
}

void QueuedSocket::write_next() {
  writing_ = true;
  stream_->write(queue_.front(), [self = shared_from_this()](bool done) { self->on_written(done); });
}

void QueuedSocket::on_written(bool done) {
  writing_ = false;
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  if (!done) return end_broken();
  queued_ -= queue_.front().size();
  queue_.pop_front();
  if (!queue_.empty()) write_next();
  if (phase_ == Phase::closing) return say_goodbye();
  if (above_low_water_ && queued_ <= limits_.low_water_bytes) {
    above_low_water_ = false;
    if (const auto user = user_.lock()) user->on_drained();
  }
}

void QueuedSocket::close(std::uint16_t code, std::string_view reason) {
  if (phase_ == Phase::handshake) return cut(reason);
  if (phase_ != Phase::open) return;
  phase_ = Phase::closing;
  deadline_ = Clock::now() + limits_.close_timeout;
  goodbye_ = {code, std::string(fitting_reason(reason)), false};
  say_goodbye();
}

void QueuedSocket::say_goodbye() {
  if (writing_ || std::exchange(said_goodbye_, true)) return;
  stream_->close(goodbye_, [self = shared_from_this()] { self->end(self->goodbye_); });
}

// --- the end

void QueuedSocket::end(Closed how) {
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  phase_ = Phase::ended;
  how_ = std::move(how);
  wire_->close([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_quiet();
  });
}

void QueuedSocket::end_broken() { end(phase_ == Phase::closing ? goodbye_ : Closed{1006, "the connection broke"}); }

/// Operations of the stream's that wait for each other end with it.
void QueuedSocket::on_quiet() {
  phase_ = Phase::gone;
  const auto user = user_.lock();
  stream_.reset();
  timer_.cancel();
  queue_.clear();
  queued_ = 0;
  tell_gone();
  if (user) tell_closed(user);
}

void QueuedSocket::tell_gone() {
  if (const auto tell = std::exchange(on_gone_, nullptr)) tell();
}

void QueuedSocket::tell_closed(const std::shared_ptr<WebSocketUser>& user) const { user->on_closed(*how_); }

std::optional<ChannelBinding> QueuedSocket::channel_binding() const {
  if (phase_ == Phase::ended || phase_ == Phase::gone) return std::nullopt;
  return wire_->transport().channel_binding();
}

}  // namespace

std::shared_ptr<LiveWebSocket> accept_web_socket(asio::io_context& io, WebSocketParts parts, const Request& request,
                                                 const std::string& subprotocol, std::string_view unread,
                                                 std::function<void(std::shared_ptr<WebSocket>)> done) {
  auto socket = std::make_shared<QueuedSocket>(io, std::move(parts), unread);
  socket->accept(request, subprotocol, std::move(done));
  return socket;
}

std::shared_ptr<LiveWebSocket> offer_web_socket(asio::io_context& io, WebSocketParts parts, const WebSocketOffer& offer,
                                                std::function<void(Result<std::shared_ptr<WebSocket>>)> done) {
  auto socket = std::make_shared<QueuedSocket>(io, std::move(parts), std::string_view());
  socket->offer(offer, std::move(done));
  return socket;
}

}  // namespace musher::http
