#include "mcp/http_reply.hpp"

namespace musher::mcp {

std::string event_of(std::string_view message) {
  constexpr std::string_view kStart = "event: message\ndata: ";
  std::string event;
  event.reserve(kStart.size() + message.size() + 2);
  return event.append(kStart).append(message).append("\n\n");
}

HttpReply::HttpReply(std::shared_ptr<http::Exchange> exchange, Scheduler& scheduler, bool may_stream,
                     std::size_t responses, bool batch)
    : exchange_(std::move(exchange)), scheduler_(scheduler), may_stream_(may_stream), batch_(batch), open_(responses) {}

HttpReply::~HttpReply() { unwatch(); }

void HttpReply::unwatch() {
  if (std::exchange(watched_, false)) scheduler_.cancel(timer_);
}

bool HttpReply::stream() {
  if (stream_ != nullptr) return true;
  if (!can_send()) return false;
  stream_ = exchange_->stream(std::move(headers_));
  if (!collected_.empty()) stream_->send(event_of("[" + std::exchange(collected_, {}) + "]"));
  return true;
}

bool HttpReply::send(std::string_view message) { return open_ > 0 && stream() && stream_->send(event_of(message)); }

void HttpReply::respond(std::string message, unsigned http_status) {
  if (open_ == 0) return;
  if (stream_ != nullptr) {
    stream_->send(event_of(message));
    return one_less();
  }
  if (!batch_) return answer({.status = http_status, .body = std::move(message)});
  if (!collected_.empty()) collected_ += ',';
  collected_ += message;
  one_less();
}

void HttpReply::respond_shared(std::string start, const std::shared_ptr<const std::string>& rest) {
  if (open_ == 0) return;
  if (stream_ != nullptr || batch_) return respond(start + *rest, 200);
  answer({.body = std::move(start), .rest = rest});
}

/// The one answer, where nothing was sent before.
void HttpReply::answer(http::Response response) {
  open_ = 0;
  unwatch();
  response.headers = std::move(headers_);
  exchange_->respond(std::move(response));
}

void HttpReply::drop() {
  if (open_ > 0) one_less();
}

void HttpReply::one_less() {
  if (--open_ > 0) return;
  unwatch();
  if (stream_ != nullptr) return stream_->finish();
  if (collected_.empty())
    return exchange_->respond({.status = 202, .content_type = "", .headers = std::move(headers_)});
  exchange_->respond({.body = "[" + collected_ + "]", .headers = std::move(headers_)});
}

void HttpReply::on_gone(std::function<void()> callback) { exchange_->on_gone(std::move(callback)); }

void HttpReply::watch() {
  constexpr std::chrono::seconds kPatience{15};
  if (!can_send() || stream_ != nullptr) return;
  watched_ = true;
  timer_ = scheduler_.after(kPatience, [weak = weak_from_this()] {
    const auto reply = weak.lock();
    if (reply == nullptr) return;
    reply->watched_ = false;
    reply->stream();
  });
}

}  // namespace musher::mcp
