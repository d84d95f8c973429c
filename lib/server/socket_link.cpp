#include "server/socket_link.hpp"

#include "http/source.hpp"

namespace musher {
namespace {

class SocketLink final : public sync::Link {
 public:
  explicit SocketLink(std::shared_ptr<http::WebSocket> socket) : socket_(std::move(socket)) {}

  // A socket that does not take the message closes, and says so later.
  void send(std::string message) override { static_cast<void>(socket_->send(std::move(message))); }
  [[nodiscard]] std::size_t queued_bytes() const override { return socket_->queued_bytes(); }
  void pause(bool paused) override {
    if (paused) {
      socket_->pause();
    } else {
      socket_->resume();
    }
  }
  void close(std::uint16_t code, std::string_view reason) override { socket_->close(code, reason); }
  void end_closing() override { socket_->end_closing(); }
  void allow(std::size_t message_bytes) override { socket_->allow(message_bytes); }
  [[nodiscard]] std::string address() const override { return socket_->peer(); }
  [[nodiscard]] std::string source() const override { return http::source_of(socket_->peer()); }
  [[nodiscard]] std::optional<sync::ChannelBinding> binding() const override { return socket_->channel_binding(); }

 private:
  const std::shared_ptr<http::WebSocket> socket_;
};

class SocketUser final : public http::WebSocketUser {
 public:
  explicit SocketUser(std::shared_ptr<sync::LinkUser> user) : user_(std::move(user)) {}

  void on_message(std::string_view message) override { user_->received(message); }
  void on_drained() override { user_->drained(); }
  void on_closed(const http::WebSocketClosed& how) override { user_->closed(how.code, how.reason, how.by_peer); }

 private:
  const std::shared_ptr<sync::LinkUser> user_;
};

}  // namespace

sync::OpenLink link_over(std::shared_ptr<http::WebSocket> socket) {
  return {std::make_shared<SocketLink>(socket), [socket](std::shared_ptr<sync::LinkUser> user) {
            socket->start(std::make_shared<SocketUser>(std::move(user)));
          }};
}

}  // namespace musher
