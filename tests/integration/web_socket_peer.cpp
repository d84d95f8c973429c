// Our side of web_sockets.mjs, in which npm's ws is the other one.
//   web_socket_peer serve [CERTIFICATE KEY]  an echo at /ws that speaks musher.2 and musher.1, with a token; says the
//   port
//     on its first line and ends when its stdin does. "close CODE REASON" is not echoed but done, "binding" is answered
//     with the connection's channel binding.
//   web_socket_peer dial URL deflate|plain   says each message that comes on a line of its own, sends it back, and says
//   at
//     the end "closed CODE REASON by them|by us"; ends with 1 when there is no socket
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <iostream>

#include "http/dial.hpp"
#include "http/server.hpp"
#include "model/text.hpp"

using namespace musher;

namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";

class Echo : public http::WebSocketUser {
 public:
  explicit Echo(std::shared_ptr<http::WebSocket> socket) : socket_(std::move(socket)) {}

  void on_message(std::string_view message) override {
    if (message.starts_with("close ")) {
      const auto code = static_cast<std::uint16_t>(std::stoul(std::string(message.substr(6, 4))));
      socket_->close(code, message.substr(11));
    } else if (message == "binding") {
      const auto binding = socket_->channel_binding();
      socket_->send(binding ? to_hex(*binding) : "none");
    } else {
      socket_->send(std::string(message));
    }
  }
  void on_drained() override {}
  void on_closed(const http::WebSocketClosed&) override { socket_.reset(); }

 protected:
  std::shared_ptr<http::WebSocket> socket_;
};

class Printer final : public Echo {
 public:
  using Echo::Echo;
  void on_message(std::string_view message) override {
    std::cout << message.substr(0, 100) << std::endl;
    socket_->send(std::string(message));
  }
  void on_closed(const http::WebSocketClosed& how) override {
    std::cout << "closed " << how.code << " " << how.reason << (how.by_peer ? " by them" : " by us") << std::endl;
    socket_.reset();
  }
};

int serve(const std::optional<http::TlsFiles>& tls) {
  boost::asio::io_context io{1};
  http::Options options;
  options.tls = tls;
  options.tokens = http::TokenTable::parse("alice " + kToken + "\n", "tokens").value();
  auto server = http::Server::create(io, std::move(options));
  if (!server) return 1;
  (*server)->route_web_socket("/ws",
                              [](const http::Request&, const std::shared_ptr<http::WebSocket>& socket) {
                                socket->start(std::make_shared<Echo>(socket));
                              },
                              {.subprotocols = {"musher.2", "musher.1"}});
  const auto endpoint = (*server)->listen("127.0.0.1", 0);
  if (!endpoint) return 1;
  std::cout << endpoint->port << std::endl;
  boost::asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::array<char, 64> unused{};
  input.async_read_some(boost::asio::buffer(unused), [&](const boost::system::error_code&, std::size_t) {
    (*server)->drain(std::chrono::seconds(5), [] {});
  });
  io.run();
  return 0;
}

int dial(const std::string& url, bool deflate) {
  boost::asio::io_context io{1};
  int status = 1;
  const auto parsed = http::parse_web_socket_url(url);
  if (!parsed) return 2;
  const auto dialing = http::dial_web_socket(
      io, *parsed, {.token = kToken, .subprotocols = {"musher.2", "musher.1"}, .deflate = deflate},
      [&](Result<std::shared_ptr<http::WebSocket>> outcome) {
        if (!outcome) {
          std::cout << outcome.error().what << std::endl;
          return;
        }
        std::cout << "speaks " << (*outcome)->subprotocol() << std::endl;
        (*outcome)->start(std::make_shared<Printer>(*outcome));
        status = 0;
      });
  io.run();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "serve") return serve({});
  if (words.size() == 3 && words[0] == "serve") return serve(http::TlsFiles{words[1], words[2]});
  if (words.size() == 3 && words[0] == "dial") return dial(words[1], words[2] == "deflate");
  std::cerr << "usage: web_socket_peer serve [CERTIFICATE KEY] | dial URL deflate|plain\n";
  return 2;
}
