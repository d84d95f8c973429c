#include "http/live_exchange.hpp"

#include <cassert>

namespace musher::http {

LiveExchange::~LiveExchange() {
  if (connection_ == nullptr) return;
  if (!answered_) connection_->respond(refusal_response({500, "the request was not answered"}));
  if (connection_ != nullptr) connection_->take_back(std::move(request_));
}

void LiveExchange::respond(Response response) {
  assert(!answered_);
  if (std::exchange(answered_, true) || connection_ == nullptr) return;
  connection_->respond(std::move(response));
}

std::shared_ptr<EventStream> LiveExchange::stream(Headers headers) {
  assert(!answered_);
  if (std::exchange(answered_, true) || connection_ == nullptr) return std::make_shared<LiveStream>(nullptr);
  return connection_->begin_stream(headers);
}

void LiveExchange::on_gone(std::function<void()> callback) {
  if (!gone_) {
    if (connection_ != nullptr) connection_->on_gone(std::move(callback));
    return;
  }
  if (callback) hub_->post(std::move(callback));
}

}  // namespace musher::http
