// A connection's input: from bytes to a handler. Its output is connection_answer.cpp.
#include "http/connection.hpp"

#include <algorithm>
#include <exception>

#include "http/header_text.hpp"
#include "http/live_exchange.hpp"
#include "http/response_head.hpp"
#include "http/source.hpp"
#include "http/upgrade.hpp"

namespace musher::http {
namespace {

constexpr std::size_t kSmallBuffer = 4U << 10U;
constexpr std::size_t kBodyBuffer = 64U << 10U;
/// Room beside the longest header: the start of what follows it.
constexpr std::size_t kBesideHeader = 4U << 10U;
/// What a client may still send after its last answer, so that it gets to read that.
constexpr std::size_t kLingerBytes = 16U << 20U;

}  // namespace

Connection::Connection(std::shared_ptr<Hub> hub, std::unique_ptr<Transport> transport, std::string peer)
    : hub_(std::move(hub)),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      source_(source_of(peer_)),
      in_(kSmallBuffer),
      parser_(hub_->options.limits) {}

void Connection::start() {
  if (transport_->handshake(shared_from_this())) {
    enter(Phase::handshake, hub_->options.limits.header_timeout);
  } else {
    phase_ = Phase::answered;
    advance();
  }
}

void Connection::enter(Phase phase, std::chrono::milliseconds timeout) {
  phase_ = phase;
  since_ = Clock::now();
  deadline_ = since_ + timeout;
}

bool Connection::receiving() const {
  return phase_ == Phase::idle || phase_ == Phase::headers || phase_ == Phase::body;
}

bool Connection::answering() const {
  return phase_ == Phase::handling || phase_ == Phase::writing || phase_ == Phase::streaming;
}

std::optional<Connection::Clock::time_point> Connection::waits_since() const {
  switch (phase_) {
    case Phase::handshake:
    case Phase::idle:
    case Phase::headers:
    case Phase::body:
    case Phase::lingering: return since_;
    default: return std::nullopt;
  }
}

std::optional<Digest> Connection::stream_token() const { return phase_ == Phase::streaming ? token_ : std::nullopt; }

void Connection::on_handshake(Io outcome, const TlsFailure&) {
  if (phase_ == Phase::closed) return;
  if (outcome != Io::ok) {
    close();
    return;
  }
  phase_ = Phase::answered;
  advance();
}

// --- from bytes to a request

void Connection::next_request() {
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->detach();
  const bool small_is_enough = end_ - begin_ <= kSmallBuffer && !reading_;
  if (small_is_enough && in_.size() > kSmallBuffer + kBesideHeader) {
    std::vector<char> smaller(kSmallBuffer);
    std::ranges::copy(unread(), smaller.begin());
    end_ -= std::exchange(begin_, 0);
    in_ = std::move(smaller);
  }
  if (incoming_.body.capacity() > kBodyBuffer) incoming_.drop_body();
  for (std::string* const text : {&out_, &body_, &queue_}) {
    if (text->capacity() > kBodyBuffer) std::string().swap(*text);  // an assignment would keep the memory
  }
  token_.reset();
  route_ = nullptr;
  is_head_ = false;
  incoming_.clear();
  parser_.begin(incoming_);
  enter(Phase::idle, hub_->options.limits.idle_timeout);
}

void Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  while (true) {
    if (phase_ == Phase::answered) next_request();
    if (!receiving() || !take_step()) break;
  }
  advancing_ = false;
  if (receiving() && input_ended_) return close();  // the rest of this request will not come
  want_read();
}

bool Connection::take_step() {
  // A request without a body is complete when its headers are: that needs no more bytes.
  if (unread().empty() && phase_ != Phase::body) return false;
  if (phase_ == Phase::idle) enter(Phase::headers, hub_->options.limits.header_timeout);
  const RequestParser::Step step = parser_.parse(unread());
  begin_ += step.consumed;
  switch (step.state) {
    case RequestParser::State::need_more: return false;
    case RequestParser::State::headers: on_headers(); return true;
    case RequestParser::State::complete: dispatch(); return true;
    case RequestParser::State::bad: refuse(step.bad, false); return true;
  }
  return false;
}

void Connection::on_headers() {
  keep_alive_ = parser_.keep_alive();
  http_1_0_ = parser_.is_http_1_0();
  const bool has_body = parser_.has_body();
  if (const auto why = refusal_of(*hub_, {parser_.hosts(), has_body}, incoming_, token_, route_)) {
    refuse(*why, keep_alive_ && !has_body);
    return;
  }
  enter(Phase::body, hub_->options.limits.body_timeout);
  if (has_body && !http_1_0_ && unread().empty() && incoming_.header("Expect")) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    body_.clear();
    start_write();
  }
}

void Connection::dispatch() {
  ++hub_->stats.requests;
  is_head_ = incoming_.method == "HEAD";
  incoming_.peer = peer_;
  if (route_->web_socket) return upgrade();
  enter(Phase::handling, hub_->options.limits.write_timeout);  // counts when there is no more input
  auto exchange = std::make_shared<LiveExchange>(hub_, this, std::move(incoming_));
  exchange_ = exchange.get();
  const auto keep = shared_from_this();
  try {
    route_->handler(std::move(exchange));
  } catch (const std::exception& failure) {  // the client has its 500 when the handler let go of the exchange
    hub_->count_refusal({500, failure.what()}, peer_);
  }
}

void Connection::upgrade() {
  // A pipelined one: the read that is under way would take the first frames.
  if (reading_) return refuse({400, "an upgrade waits for the answers before it"}, false);
  if (hub_->draining) return refuse({503, "the server is going away"}, false);
  if (route_->web_socket->options.writes && incoming_.principal.read_only) {
    return refuse({403, kTokenOnlyReads}, keep_alive_);
  }
  auto judged = judge_upgrade(incoming_, http_1_0_, route_->web_socket->options);
  if (!judged) {
    hub_->count_refusal(judged.error().why, peer_, incoming_.principal.name);
    phase_ = Phase::handling;
    return respond(std::move(judged.error().response));
  }
  phase_ = Phase::closed;
  begin_web_socket(hub_, route_->web_socket, std::move(incoming_), token_, std::move(transport_), *judged, unread());
  hub_->forget(*this);
}

void Connection::refuse(const BadRequest& why, bool keep_alive) {
  hub_->count_refusal(why, peer_, incoming_.principal.name);
  keep_alive_ = keep_alive;
  is_head_ = incoming_.method == "HEAD";
  phase_ = Phase::handling;
  respond(refusal_response(why));
}

/// The request's memory serves the next one.
void Connection::take_back(Request request) {
  exchange_ = nullptr;
  incoming_ = std::move(request);
}

// --- reading

bool Connection::make_room() {
  if (begin_ == end_) {
    const bool was_full = end_ == in_.size();
    begin_ = end_ = 0;
    if (was_full && phase_ == Phase::body && in_.size() < kBodyBuffer) in_.resize(2 * in_.size());
    return true;
  }
  if (end_ < in_.size()) return true;
  if (begin_ > 0) {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_), in_.end(), in_.begin());
    end_ -= std::exchange(begin_, 0);
    return true;
  }
  const std::size_t most = std::max(hub_->options.limits.header_bytes + kBesideHeader, kSmallBuffer);
  if (in_.size() >= most) return false;
  in_.resize(std::min(2 * in_.size(), most));
  return true;
}

void Connection::want_read() {
  // While an answer is being made, reading is how a client that goes is noticed.
  const bool wanted =
      receiving() || phase_ == Phase::handling || phase_ == Phase::streaming || phase_ == Phase::lingering;
  if (!wanted || reading_ || input_ended_) return;
  if (!make_room()) {
    if (receiving()) refuse({phase_ == Phase::body ? 400U : 431U, "a line is too long"}, false);
    return;
  }
  reading_ = true;
  transport_->read({in_.data() + end_, in_.size() - end_}, shared_from_this());
}

void Connection::on_read(Io outcome, std::size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (outcome == Io::failed) {
    close();
  } else if (outcome == Io::ended) {
    on_input_end();
  } else {
    end_ += bytes;
    if (phase_ == Phase::lingering) {
      begin_ = end_;
      lingered_bytes_ += bytes;
      if (lingered_bytes_ > kLingerBytes) return close();
    }
    advance();
  }
}

/// The client may have gone, or only have said that it has no more to ask. Whoever makes an answer is told that it has
/// gone; an answer that comes all the same is sent.
void Connection::on_input_end() {
  input_ended_ = true;
  switch (phase_) {
    case Phase::handling:
      deadline_ = Clock::now() + hub_->options.limits.write_timeout;
      notify_gone();
      break;
    case Phase::answered:
    case Phase::writing: break;
    case Phase::streaming: close(); break;
    default: close();
  }
}

// --- time and the end

void Connection::check_time(Clock::time_point now) {
  const Limits& limits = hub_->options.limits;
  const bool late = now >= deadline_;
  switch (phase_) {
    case Phase::handshake:
    case Phase::idle:
    case Phase::lingering:
      if (late) close();
      break;
    case Phase::headers:
      if (late) refuse({408, "the headers took too long"}, false);
      break;
    case Phase::body:
      if (late) refuse({408, "the body took too long"}, false);
      break;
    case Phase::handling:
      if (late && input_ended_) close();
      break;
    case Phase::writing:
      if (late) close();
      break;
    case Phase::streaming:
      if (writing_ && late) {
        ++hub_->stats.dropped;
        close();
      } else if (!writing_ && now - last_write_ >= limits.stream_keep_alive) {
        add_chunk(":\n\n");
        flush();
      }
      break;
    case Phase::answered:
    case Phase::closed: break;
  }
}

void Connection::drain() {
  if (phase_ == Phase::handshake || phase_ == Phase::idle || phase_ == Phase::answered) close();
}

void Connection::on_gone(std::function<void()> callback) {
  if (answering()) gone_ = std::move(callback);
}

void Connection::notify_gone() {
  if (exchange_ != nullptr) exchange_->set_gone();
  if (gone_) hub_->post(std::exchange(gone_, nullptr));
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  const auto keep = shared_from_this();
  if (phase_ == Phase::streaming) --hub_->stats.streams;
  if (answering()) notify_gone();
  phase_ = Phase::closed;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->detach();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->detach();
  transport_->close();
  hub_->forget(*this);
}

}  // namespace musher::http
