#include "http/live_web_socket.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/error.hpp>

#include <algorithm>
#include <cassert>
#include <deque>

#include "http/transport_stream.hpp"
#include "model/text.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using beast::http::field;
using boost::system::error_code;
using std::chrono::milliseconds;
using Clock = Wire::Clock;
using Closed = WebSocketClosed;

constexpr std::size_t kReadChunk = 64U << 10U;
/// What masks or compresses goes through a buffer of this size.
constexpr std::size_t kWriteBuffer = 32U << 10U;
/// A message's memory serves the next one, up to here.
constexpr std::size_t kKeptBuffer = 1U << 20U;
/// Below it deflate adds more than it takes away.
constexpr std::size_t kWorthDeflating = 256;
/// Ops are ids, signatures and short texts: higher levels take twice the time for a few percent.
constexpr int kDeflateLevel = 3;

milliseconds check_interval(const WebSocketLimits& limits) {
  const milliseconds shortest =
      std::min({limits.ping_interval, limits.idle_timeout, limits.message_timeout, limits.close_timeout});
  return std::clamp(shortest / 4, milliseconds{5}, milliseconds{1'000});
}

beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// The peer's words, for a message of ours.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 200));
  if (is_plain_utf8(out)) return out;
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

/// What a close frame has room for.
std::string_view fitting_reason(std::string_view reason) {
  if (!is_utf8(reason)) return {};
  std::size_t size = std::min<std::size_t>(reason.size(), websocket::reason_string::static_capacity);
  while (!is_utf8(reason.substr(0, size))) --size;
  return reason.substr(0, size);
}

class BeastSocket final : public LiveWebSocket, public std::enable_shared_from_this<BeastSocket> {
 public:
  using Accepted = std::function<void(std::shared_ptr<WebSocket>)>;
  using Answered = std::function<void(Result<std::shared_ptr<WebSocket>>)>;

  BeastSocket(asio::io_context& io, WebSocketParts parts, std::string_view unread);
  ~BeastSocket() override { tell_gone(); }

  void accept(const Request& request, const std::string& subprotocol, Accepted done);
  void offer(WebSocketOffer offer, Answered done);

  void start(std::shared_ptr<WebSocketUser> user) override;
  bool send(std::string message) override;
  [[nodiscard]] std::size_t queued_bytes() const override { return queued_; }
  void pause() override { paused_ = true; }
  void resume() override;
  void close(std::uint16_t code, std::string_view reason) override;
  void cut(std::string_view why) override { end({1006, std::string(why), false}); }
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
  [[nodiscard]] Result<void> judge_answer(const WebSocketOffer& offer, const error_code& error);
  void watch(std::shared_ptr<WebSocketUser> user);
  void check_time();
  void ping();
  void on_control(websocket::frame_type kind);

  void read();
  void on_read(const error_code& error, std::size_t bytes);
  void on_whole_message();
  void deliver();
  void read_failed(const error_code& error);
  void fail_inflating();

  void write_next();
  void on_written(const error_code& error);
  void say_goodbye();

  void end(Closed how);
  void on_quiet();
  void tell_gone();
  void tell_closed(const std::shared_ptr<WebSocketUser>& user) const;

  // fixed after construction
  asio::io_context& io_;
  const std::string peer_;
  const WebSocketLimits limits_;
  const bool deflate_;
  const std::shared_ptr<Wire> wire_;

  // where it is
  std::optional<websocket::stream<TransportStream>> stream_;
  std::string subprotocol_;
  std::function<void()> on_gone_;
  Phase phase_ = Phase::handshake;
  Clock::time_point deadline_;  ///< of handshake and closing
  Closed goodbye_;
  bool said_goodbye_ = false;
  std::optional<Closed> how_;
  bool is_server_ = false;

  // its user: owned by the timer's operation, so that no cycle is left with an io_context that ends
  std::weak_ptr<WebSocketUser> user_;
  bool started_ = false;
  asio::steady_timer timer_;
  Clock::time_point last_ping_;
  bool pinging_ = false;
  std::size_t controls_ = 0;  ///< since last_ping_

  // input
  beast::flat_buffer message_;
  std::optional<Clock::time_point> message_began_;
  bool reading_ = false;
  bool paused_ = false;
  bool held_ = false;  ///< message_ is whole, and waits for resume()

  // output
  std::deque<std::string> queue_;  ///< the first is being written
  std::size_t queued_ = 0;         ///< bytes
  bool above_low_water_ = false;
  bool writing_ = false;

  // a client's handshake
  websocket::response_type answer_;
};

BeastSocket::BeastSocket(asio::io_context& io, WebSocketParts parts, std::string_view unread)
    : io_(io),
      peer_(std::move(parts.peer)),
      limits_(parts.limits),
      deflate_(parts.deflate),
      wire_(std::make_shared<Wire>(io, std::move(parts.transport), unread)),
      stream_(std::in_place, TransportStream(wire_)),
      on_gone_(std::move(parts.on_gone)),
      deadline_(Clock::now() + limits_.handshake_timeout),
      timer_(io),
      last_ping_(Clock::now()) {
  stream_->binary(true);
  stream_->auto_fragment(false);
  stream_->read_message_max(limits_.message_bytes);
  stream_->write_buffer_bytes(kWriteBuffer);
  websocket::permessage_deflate deflate;
  deflate.server_enable = deflate.client_enable = deflate_;
  deflate.compLevel = kDeflateLevel;
  deflate.msg_size_threshold = kWorthDeflating;
  stream_->set_option(deflate);
  stream_->control_callback([this](websocket::frame_type kind, beast::string_view) { on_control(kind); });
}

// --- the handshake

void BeastSocket::accept(const Request& request, const std::string& subprotocol, Accepted done) {
  is_server_ = true;
  subprotocol_ = subprotocol;
  websocket::request_type upgrade{beast::http::verb::get, "/", 11};
  for (const field name : {field::host, field::connection, field::upgrade, field::sec_websocket_key,
                           field::sec_websocket_version, field::sec_websocket_extensions}) {
    const auto text = beast::http::to_string(name);
    if (const auto value = request.header({text.data(), text.size()})) upgrade.set(name, view(*value));
  }
  stream_->set_option(websocket::stream_base::decorator([subprotocol](websocket::response_type& answer) {
    answer.set(field::server, "musher");
    if (!subprotocol.empty()) answer.set(field::sec_websocket_protocol, subprotocol);
  }));
  watch({});
  stream_->async_accept(upgrade, [self = shared_from_this(), done = std::move(done)](error_code error) {
    if (self->phase_ != Phase::handshake) return;
    if (error) return self->cut(error.message());
    self->enter_open();
    done(self);
  });
}

void BeastSocket::offer(WebSocketOffer offer, Answered done) {
  stream_->set_option(websocket::stream_base::decorator([offer](websocket::request_type& upgrade) {
    upgrade.set(field::user_agent, "musher");
    if (offer.token) upgrade.set(field::authorization, "Bearer " + *offer.token);
    const std::string names = fmt::format("{}", fmt::join(offer.subprotocols, ", "));
    if (!names.empty()) upgrade.set(field::sec_websocket_protocol, names);
  }));
  watch({});
  const std::string host = offer.url.server.authority();
  const std::string path = offer.url.path;
  stream_->async_handshake(
      answer_, host, path,
      [self = shared_from_this(), offer = std::move(offer), done = std::move(done)](error_code error) {
        if (self->phase_ != Phase::handshake) return;
        const auto judged = self->judge_answer(offer, error);
        if (!judged) {
          self->cut(judged.error().what);
          return done(std::unexpected(judged.error()));
        }
        self->enter_open();
        done(self);
      });
}

Result<void> BeastSocket::judge_answer(const WebSocketOffer& offer, const error_code& error) {
  const std::string url = offer.url.text();
  const auto header = [&](field name) { return std::string(answer_[name]); };
  if (error == websocket::error::upgrade_declined) {
    const unsigned status = answer_.result_int();
    const std::string line = shown(std::string_view(answer_.body()).substr(0, answer_.body().find_first_of("\r\n")));
    return fail(Errc::refused,
                fmt::format("no WebSocket with {}: it answers {}{}{}", url, status, line.empty() ? "" : ": ", line),
                status == 401   ? "a token of the other side's token file"
                : status == 404 ? "the path of the URL: ws://HOST:PORT/crdt-sync"
                                : "what the log of the other side says");
  }
  if (error) {
    const bool broken = error.category() != websocket::make_error_code(websocket::error::closed).category();
    return fail(broken ? Errc::io : Errc::refused,
                fmt::format("no WebSocket with {}: {}", url,
                            broken ? "the connection broke in the handshake" : error.message()),
                "is there a musher serve? curl " + offer.url.server.text() + "/readyz");
  }
  if (!deflate_ && !header(field::sec_websocket_extensions).empty()) {
    return fail(Errc::refused, fmt::format("no WebSocket with {}: it uses an extension that was not offered", url),
                "is there a musher serve, and no proxy before it?");
  }
  subprotocol_ = header(field::sec_websocket_protocol);
  if (offer.subprotocols.empty() ? subprotocol_.empty()
                                 : std::ranges::find(offer.subprotocols, subprotocol_) != offer.subprotocols.end()) {
    return {};
  }
  return fail(
      Errc::refused,
      fmt::format("no WebSocket with {}: it speaks {}, not {}", url,
                  subprotocol_.empty() ? "no protocol of its own" : shown(subprotocol_),
                  offer.subprotocols.empty() ? "none" : fmt::format("{}", fmt::join(offer.subprotocols, " or "))),
      "musher --version on both sides");
}

void BeastSocket::enter_open() {
  phase_ = Phase::open;
  last_ping_ = Clock::now();
  answer_ = {};
}

// --- time

/// The operation owns the socket from its start() on; before, whoever holds it does.
void BeastSocket::watch(std::shared_ptr<WebSocketUser> user) {
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

void BeastSocket::check_time() {
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
    if (now >= deadline_) end(goodbye_);
    return;
  }
  if (reading_ && over(wire_->heard(), limits_.idle_timeout)) return cut("the peer was not heard of");
  if (reading_ && message_began_ && over(*message_began_, limits_.message_timeout)) {
    return close(websocket::close_code::policy_error, "a message took too long");
  }
  if (over(last_ping_, limits_.ping_interval)) ping();
}

void BeastSocket::ping() {
  last_ping_ = Clock::now();
  controls_ = 0;
  if (std::exchange(pinging_, true)) return;
  stream_->async_ping({}, [self = shared_from_this()](error_code) { self->pinging_ = false; });
}

void BeastSocket::on_control(websocket::frame_type kind) {
  if (kind == websocket::frame_type::close || ++controls_ != limits_.controls + 1) return;
  asio::post(io_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->close(websocket::close_code::policy_error, "too many pings");
  });
}

// --- input

void BeastSocket::start(std::shared_ptr<WebSocketUser> user) {
  assert(!started_);
  started_ = true;
  user_ = user;
  if (phase_ == Phase::gone) {
    asio::post(io_, [self = shared_from_this(), user = std::move(user)] { self->tell_closed(user); });
    return;
  }
  watch(std::move(user));
  read();
}

void BeastSocket::resume() {
  paused_ = false;
  asio::post(io_, [self = shared_from_this()] {
    if (self->held_ && !self->paused_ && self->phase_ == Phase::open) self->deliver();
    self->read();
  });
}

void BeastSocket::read() {
  const bool wanted = started_ && (phase_ == Phase::open || phase_ == Phase::closing) && !paused_ && !held_;
  if (!wanted || reading_ || said_goodbye_) return;
  reading_ = true;
  stream_->async_read_some(
      message_.prepare(stream_->read_size_hint(kReadChunk)),
      [self = shared_from_this()](error_code error, std::size_t bytes) { self->on_read(error, bytes); });
}

void BeastSocket::on_read(const error_code& error, std::size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  if (error) return read_failed(error);
  message_.commit(bytes);
  if (!stream_->got_binary()) close(websocket::close_code::unknown_data, "messages are binary here");
  if (phase_ == Phase::closing) {
    message_.clear();
  } else if (stream_->is_message_done()) {
    message_began_.reset();
    if (paused_) {
      held_ = true;
    } else {
      deliver();
    }
  } else if (!message_began_) {
    message_began_ = Clock::now();
  }
  read();
}

void BeastSocket::deliver() {
  held_ = false;
  const auto bytes = message_.cdata();
  if (const auto user = user_.lock()) user->on_message({static_cast<const char*>(bytes.data()), bytes.size()});
  message_.clear();
  if (message_.capacity() > kKeptBuffer) message_.shrink_to_fit();
}

/// Beast has said goodbye already where the protocol was broken.
void BeastSocket::read_failed(const error_code& error) {
  if (error == websocket::error::closed) {
    if (said_goodbye_) return end(goodbye_);
    const websocket::close_reason& reason = stream_->reason();
    return end({reason.code == websocket::close_code::none ? std::uint16_t{1005} : reason.code,
                std::string(reason.reason.data(), reason.reason.size()), true});
  }
  if (error == asio::error::operation_aborted && phase_ == Phase::closing) return;  // say_goodbye() ends it
  if (error == websocket::error::message_too_big) return end({1009, "a message is too long", false});
  if (error == websocket::error::bad_frame_payload) return end({1007, "a text is not UTF-8", false});
  if (error == websocket::condition::protocol_violation) return end({1002, error.message(), false});
  if (error.category() == beast::zlib::make_error_code(beast::zlib::error::stream_error).category()) {
    return fail_inflating();
  }
  cut(error == asio::error::eof ? "the connection ended without a goodbye" : "the connection broke");
}

/// Beast says nothing then. So do we, where half a frame is on its way.
void BeastSocket::fail_inflating() {
  const Closed how{1007, "a compressed message cannot be read", false};
  if (writing_ || pinging_) return end(how);
  phase_ = Phase::closing;
  said_goodbye_ = true;
  goodbye_ = how;
  deadline_ = Clock::now() + limits_.close_timeout;
  using namespace std::string_view_literals;
  const std::string_view frame = is_server_ ? "\x88\x02\x03\xef"sv : "\x88\x82\0\0\0\0\x03\xef"sv;
  wire_->write(frame, {}, [self = shared_from_this(), how](error_code, std::size_t) {
    self->wire_->end([self, how](error_code, std::size_t) { self->end(how); });
  });
}

// --- output

bool BeastSocket::send(std::string message) {
  if (phase_ != Phase::open) return false;
  if (queued_ + message.size() > limits_.queue_bytes) {
    while (queue_.size() > 1) {
      queued_ -= queue_.back().size();
      queue_.pop_back();
    }
    close(websocket::close_code::try_again_later, "too slow");
    return false;
  }
  queued_ += message.size();
  above_low_water_ = above_low_water_ || queued_ > limits_.low_water_bytes;
  queue_.push_back(std::move(message));
  if (!writing_) write_next();
  return true;
}

void BeastSocket::write_next() {
  writing_ = true;
  stream_->async_write(asio::buffer(queue_.front()),
                       [self = shared_from_this()](error_code error, std::size_t) { self->on_written(error); });
}

void BeastSocket::on_written(const error_code& error) {
  writing_ = false;
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  if (error) {
    if (error != asio::error::operation_aborted) cut("the connection broke");
    return;  // aborted: the peer said goodbye, which read() will tell
  }
  queued_ -= queue_.front().size();
  queue_.pop_front();
  if (!queue_.empty()) write_next();
  if (phase_ == Phase::closing) return say_goodbye();
  if (above_low_water_ && queued_ <= limits_.low_water_bytes) {
    above_low_water_ = false;
    if (const auto user = user_.lock()) user->on_drained();
  }
}

void BeastSocket::close(std::uint16_t code, std::string_view reason) {
  if (phase_ == Phase::handshake) return cut(reason);
  if (phase_ != Phase::open) return;
  phase_ = Phase::closing;
  deadline_ = Clock::now() + limits_.close_timeout;
  goodbye_ = {code, std::string(fitting_reason(reason)), false};
  say_goodbye();
}

void BeastSocket::say_goodbye() {
  if (writing_ || std::exchange(said_goodbye_, true)) return;
  websocket::close_reason frame;
  frame.code = goodbye_.code;
  frame.reason.assign(goodbye_.reason.data(), goodbye_.reason.size());
  stream_->async_close(frame, [self = shared_from_this()](error_code) { self->end(self->goodbye_); });
}

// --- the end

void BeastSocket::end(Closed how) {
  if (phase_ == Phase::ended || phase_ == Phase::gone) return;
  phase_ = Phase::ended;
  how_ = std::move(how);
  wire_->close([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_quiet();
  });
}

/// Operations of Beast's that wait for each other end with its stream.
void BeastSocket::on_quiet() {
  phase_ = Phase::gone;
  const auto user = user_.lock();
  stream_.reset();
  timer_.cancel();
  queue_.clear();
  queued_ = 0;
  tell_gone();
  if (user) tell_closed(user);
}

void BeastSocket::tell_gone() {
  if (const auto tell = std::exchange(on_gone_, nullptr)) tell();
}

void BeastSocket::tell_closed(const std::shared_ptr<WebSocketUser>& user) const { user->on_closed(*how_); }

std::optional<ChannelBinding> BeastSocket::channel_binding() const {
  if (phase_ == Phase::ended || phase_ == Phase::gone) return std::nullopt;
  return wire_->transport().channel_binding();
}

}  // namespace

std::shared_ptr<LiveWebSocket> accept_web_socket(asio::io_context& io, WebSocketParts parts, const Request& request,
                                                 const std::string& subprotocol, std::string_view unread,
                                                 std::function<void(std::shared_ptr<WebSocket>)> done) {
  auto socket = std::make_shared<BeastSocket>(io, std::move(parts), unread);
  socket->accept(request, subprotocol, std::move(done));
  return socket;
}

std::shared_ptr<LiveWebSocket> offer_web_socket(asio::io_context& io, WebSocketParts parts, WebSocketOffer offer,
                                                std::function<void(Result<std::shared_ptr<WebSocket>>)> done) {
  auto socket = std::make_shared<BeastSocket>(io, std::move(parts), std::string_view());
  socket->offer(std::move(offer), std::move(done));
  return socket;
}

}  // namespace musher::http
