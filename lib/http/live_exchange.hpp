#pragma once
// The server's own Exchange and EventStream. Either may outlive its connection, which tells it (detach).

#include "http/connection.hpp"
#include "http/exchange.hpp"

namespace musher::http {

class LiveStream final : public EventStream {
 public:
  explicit LiveStream(Connection* connection) : connection_(connection) {}
  ~LiveStream() override { finish(); }
  bool send(std::string_view event_bytes) override { return connection_ != nullptr && connection_->send(event_bytes); }
  void finish() override {
    if (Connection* const connection = std::exchange(connection_, nullptr)) connection->finish_stream();
  }
  void detach() { connection_ = nullptr; }

 private:
  Connection* connection_;
};

class LiveExchange final : public Exchange {
 public:
  LiveExchange(std::shared_ptr<Hub> hub, Connection* connection, Request request)
      : hub_(std::move(hub)), connection_(connection), request_(std::move(request)) {}
  ~LiveExchange() override;

  [[nodiscard]] const Request& request() const override { return request_; }
  void drop_body() override { request_.drop_body(); }
  void respond(Response response) override;
  [[nodiscard]] std::shared_ptr<EventStream> stream(Headers headers) override;
  void on_gone(std::function<void()> callback) override;

  /// The connection has ended, or is at its next request.
  void detach() { connection_ = nullptr; }
  void set_gone() { gone_ = true; }

 private:
  const std::shared_ptr<Hub> hub_;
  Connection* connection_;  ///< while this is its exchange
  Request request_;
  bool answered_ = false;
  bool gone_ = false;
};

}  // namespace musher::http
