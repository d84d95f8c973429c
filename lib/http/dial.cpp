#include "http/dial.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/asio_transport.hpp"
#include "http/live_web_socket.hpp"
#include "http/server.hpp"
#include "http/tls_client.hpp"
#include "http/unreached.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Outcome = Result<std::shared_ptr<WebSocket>>;

/// One dial, step by step. Each step's operation owns it; when it is over the steps that still come find that out.
class Attempt final : public TransportUser, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(asio::io_context& io, const WebSocketUrl& url, DialOptions options, DialDone done)
      : io_(io), url_(url), options_(std::move(options)), done_(std::move(done)) {}

  void start() {
    timer_.expires_after(options_.limits.handshake_timeout);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (self && !error) {
        self->finish(fail(Errc::busy, fmt::format("no WebSocket with {} in time: {}", self->url_.text(), self->stage_),
                          "try again; curl " + self->url_.server.text() + "/readyz"));
      }
    });
    const ServerUrl& server = url_.server;
    if (server.tls) {
      if (auto prepared = prepare_client_tls(tls_); !prepared)
        return finish(std::unexpected(std::move(prepared).error()));
    }
    error_code is_a_name;
    const auto address = asio::ip::make_address(server.host, is_a_name);
    if (!is_a_name) {  // Asio would start its thread for names
      const auto port = static_cast<std::uint16_t>(std::stoul(server.port));
      connect(tcp::resolver::results_type::create(tcp::endpoint(address, port), server.host, server.port));
      return;
    }
    resolver_.async_resolve(server.host, server.port,
                            [self = shared_from_this()](error_code error, tcp::resolver::results_type found) {
                              if (self->over()) return;
                              if (error) return self->cannot_reach(error);
                              self->connect(found);
                            });
  }

  void cancel() {
    done_ = nullptr;
    stop();
  }

 private:
  [[nodiscard]] bool over() const { return !done_; }

  void connect(const tcp::resolver::results_type& found) {
    stage_ = "it takes no connection";
    asio::async_connect(socket_, found, [self = shared_from_this()](error_code error, const tcp::endpoint& peer) {
      if (self->over()) return;
      if (error) return self->cannot_reach(error);
      self->peer_ = Endpoint{peer.address().to_string(), peer.port()}.text();
      self->on_connected(peer.address().is_v6());
    });
  }

  void on_connected(bool is_v6) {
    error_code error;
    const int socket = socket_.release(error);
    if (error) return cannot_reach(error);
    transport_ = make_client_transport(io_, socket, is_v6, url_.server.tls ? &tls_ : nullptr, url_.server.host);
    stage_ = "its TLS handshake does not end";
    if (!transport_->handshake(shared_from_this())) upgrade();
  }

  void on_handshake(Io outcome, const TlsFailure& failure) override {
    if (over()) return;
    if (outcome != Io::ok) return finish(no_tls(url_.text(), url_.with_tls(false).text(), failure));
    upgrade();
  }

  void on_read(Io, std::size_t) override {}
  void on_write_progress() override {}
  void on_written(Io) override {}

  void upgrade() {
    stage_ = "it does not answer the upgrade";
    WebSocketParts parts{std::move(transport_), std::move(peer_), options_.deflate, options_.limits, {}};
    const WebSocketOffer offer{url_, options_.token, options_.subprotocols};
    upgrading_ = offer_web_socket(io_, std::move(parts), offer,
                                  [self = shared_from_this()](Outcome outcome) { self->finish(std::move(outcome)); });
  }

  void cannot_reach(const error_code& error) { finish(http::cannot_reach(url_.text(), url_.server, error)); }

  void finish(Outcome outcome) {
    const DialDone done = std::exchange(done_, nullptr);
    if (!done) return;
    if (outcome) upgrading_.reset();
    stop();
    done(std::move(outcome));
  }

  void stop() {
    error_code ignored;
    timer_.cancel();
    resolver_.cancel();
    socket_.close(ignored);
    if (transport_) transport_->close();
    if (upgrading_) std::exchange(upgrading_, nullptr)->cut("the dial was given up");
  }

  // fixed after construction
  asio::io_context& io_;
  const WebSocketUrl url_;
  const DialOptions options_;

  // changes
  DialDone done_;  ///< null: it is over
  std::string_view stage_ = "its name is not found";
  asio::steady_timer timer_{io_};
  tcp::resolver resolver_{io_};
  tcp::socket socket_{io_};
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::unique_ptr<Transport> transport_;
  std::string peer_;
  std::shared_ptr<LiveWebSocket> upgrading_;
};

class LiveDial final : public Dial {
 public:
  explicit LiveDial(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
  ~LiveDial() override { attempt_->cancel(); }
  void cancel() override { attempt_->cancel(); }

 private:
  const std::shared_ptr<Attempt> attempt_;
};

}  // namespace

std::unique_ptr<Dial> dial_web_socket(asio::io_context& io, const WebSocketUrl& url, DialOptions options,
                                      DialDone done) {
  auto attempt = std::make_shared<Attempt>(io, url, std::move(options), std::move(done));
  asio::post(io, [attempt] { attempt->start(); });
  return std::make_unique<LiveDial>(std::move(attempt));
}

}  // namespace musher::http
