#pragma once
// The one answer of a POST: JSON when all is said in the response, an event stream when something goes before it.

#include <memory>
#include <string>

#include "http/exchange.hpp"
#include "mcp/reply.hpp"
#include "mcp/scheduler.hpp"

namespace musher::mcp {

/// "event: message\ndata: ...\n\n"
[[nodiscard]] std::string event_of(std::string_view message);

class HttpReply : public Reply, public std::enable_shared_from_this<HttpReply> {
 public:
  /// may_stream: the client takes text/event-stream. responses: how many requests are in the body; a batch is answered
  /// with an array.
  HttpReply(std::shared_ptr<http::Exchange> exchange, Scheduler& scheduler, bool may_stream, std::size_t responses,
            bool batch);
  ~HttpReply() override;

  bool send(std::string_view message) override;
  [[nodiscard]] bool can_send() const override { return may_stream_ && open_ > 0; }
  void respond(std::string message, unsigned http_status) override;
  void respond_shared(std::string start, const std::shared_ptr<const std::string>& rest) override;
  void drop() override;
  void on_gone(std::function<void()> callback) override;

  void add_header(std::string name, std::string value) { headers_.emplace_back(std::move(name), std::move(value)); }
  /// Begins the event stream, which is kept alive, when no answer has come for a while: a client would give up on a
  /// silent body.
  void watch();

 private:
  bool stream();
  void one_less();
  void unwatch();
  void answer(http::Response response);

  // fixed after construction
  std::shared_ptr<http::Exchange> exchange_;
  Scheduler& scheduler_;
  bool may_stream_;
  bool batch_;
  // changes with each message
  std::size_t open_;  ///< responses that are still to come
  http::Headers headers_;
  std::shared_ptr<http::EventStream> stream_;
  std::string collected_;  ///< of a batch: responses, comma-separated
  bool watched_ = false;
  Scheduler::TimerId timer_{};
};

}  // namespace musher::mcp
