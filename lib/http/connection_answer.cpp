// A connection's output: whole answers and event streams.
#include <fmt/format.h>

#include <iterator>

#include "http/connection.hpp"
#include "http/live_exchange.hpp"

namespace musher::http {

Framing Connection::framing() const {
  const bool is_last = input_ended_ && unread().empty();
  return {hub_->date(), http_1_0_, keep_alive_ && !is_last && !hub_->draining};
}

void Connection::respond(Response response) {
  if (phase_ != Phase::handling) return;
  const Framing answer = framing();
  keep_alive_ = answer.keep_alive;
  enter(Phase::writing, hub_->options.limits.write_timeout);
  if (writing_) {  // an interim 100, of which out_ is the bytes
    queue_.clear();
    write_head(response, answer, queue_);
    write_waits_ = true;
  } else {
    write_head(response, answer, out_);
  }
  const bool without_body = is_head_ || !may_have_body(response.status);
  body_ = without_body ? std::string() : std::move(response.body);
  rest_ = without_body ? nullptr : std::move(response.rest);
  if (rest_) (write_waits_ ? queue_ : out_) += std::exchange(body_, {});
  if (!write_waits_) start_write();
}

/// Writes out_ and the body, most often at once.
void Connection::start_write() {
  std::size_t taken = transport_->write_now(out_, body());
  if (taken == out_.size() + body().size()) {
    answer_written();
    return;
  }
  writing_ = true;
  const std::string_view head = std::string_view(out_).substr(std::min(taken, out_.size()));
  taken -= std::min(taken, out_.size());
  transport_->write(head, body().substr(taken), shared_from_this());
}

void Connection::on_write_progress() {
  if (answering()) deadline_ = Clock::now() + hub_->options.limits.write_timeout;
}

void Connection::on_written(Io outcome) {
  writing_ = false;
  if (phase_ == Phase::closed) return;
  if (outcome != Io::ok) {
    close();
  } else if (phase_ == Phase::streaming) {
    out_.clear();
    last_write_ = Clock::now();
    flush();
  } else if (std::exchange(write_waits_, false)) {
    out_.swap(queue_);
    queue_.clear();
    start_write();
  } else {
    answer_written();
  }
}

void Connection::answer_written() {
  if (phase_ != Phase::writing) return;              // an interim 100
  const auto ended = std::exchange(gone_, nullptr);  // it may own the exchange: let go of it last
  body_.clear();
  rest_.reset();
  if (!keep_alive_ || hub_->draining) {
    linger();
    return;
  }
  phase_ = Phase::answered;
  // Outside of advance() this may be a call from who answered: the next request's handler is not called from there.
  if (!advancing_) hub_->post([self = shared_from_this()] { self->advance(); });
}

/// A connection closed with input unread would be reset, and the client might lose its answer.
void Connection::linger() {
  if (input_ended_) return close();
  enter(Phase::lingering, hub_->options.limits.linger_timeout);
  begin_ = end_;
  transport_->end_writing(shared_from_this());
  if (!advancing_) want_read();
}

// --- event streams

std::shared_ptr<EventStream> Connection::begin_stream(const Headers& headers) {
  if (phase_ != Phase::handling) return std::make_shared<LiveStream>(nullptr);
  if (hub_->stats.streams >= hub_->options.limits.streams || is_head_) {
    const BadRequest full{503, "there are too many event streams"};
    notify_gone();
    if (is_head_) {
      respond({200, "text/event-stream", "", headers});
    } else {
      hub_->count_refusal(full, peer_);
      respond(refusal_response(full));
    }
    return std::make_shared<LiveStream>(nullptr);
  }
  ++hub_->stats.streams;
  const Framing answer = framing();
  keep_alive_ = answer.keep_alive && !http_1_0_;
  enter(Phase::streaming, hub_->options.limits.write_timeout);
  last_write_ = since_;
  finishing_ = false;
  write_stream_head(headers, {answer.date, http_1_0_, keep_alive_}, queue_);
  schedule_flush();
  auto stream = std::make_shared<LiveStream>(this);
  stream_ = stream.get();
  return stream;
}

bool Connection::send(std::string_view event_bytes) {
  const std::size_t waiting = queue_.size() + (writing_ ? out_.size() : 0);
  if (waiting > hub_->options.limits.stream_queue_bytes) {
    ++hub_->stats.dropped;
    close();
    return false;
  }
  if (!event_bytes.empty()) {
    add_chunk(event_bytes);
    schedule_flush();
  }
  return true;
}

void Connection::finish_stream() {
  stream_ = nullptr;
  finishing_ = true;
  if (!http_1_0_) queue_ += "0\r\n\r\n";
  schedule_flush();
}

void Connection::add_chunk(std::string_view bytes) {
  if (http_1_0_) {
    queue_ += bytes;
    return;
  }
  fmt::format_to(std::back_inserter(queue_), "{:x}\r\n", bytes.size());
  queue_ += bytes;
  queue_ += "\r\n";
}

/// What is sent in one go leaves in one write.
void Connection::schedule_flush() {
  if (flush_scheduled_ || writing_) return;
  flush_scheduled_ = true;
  hub_->post([self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->flush();
  });
}

void Connection::flush() {
  if (phase_ != Phase::streaming || writing_) return;
  while (!queue_.empty()) {
    out_.swap(queue_);
    queue_.clear();
    const std::size_t taken = transport_->write_now(out_, {});
    if (taken < out_.size()) {
      writing_ = true;
      deadline_ = Clock::now() + hub_->options.limits.write_timeout;
      transport_->write(std::string_view(out_).substr(taken), {}, shared_from_this());
      return;
    }
    last_write_ = Clock::now();
  }
  if (finishing_) {
    --hub_->stats.streams;
    finishing_ = false;
    enter(Phase::writing, {});
    answer_written();
  }
}

}  // namespace musher::http
