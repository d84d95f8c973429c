// Messages from one end of a WebSocket to the other over loopback, each end in a thread of its own, beside a bare TCP
// connection that carries the same bytes. web_socket_bench [CERTIFICATE KEY] (for localhost; then TLS is measured too).
#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "http/dial.hpp"
#include "http/server.hpp"

using namespace musher;
using Clock = std::chrono::steady_clock;

namespace {

struct Load {
  std::size_t messages, bytes;
};
constexpr Load kLoads[]{{100'000, 400}, {4'000, 100'000}};

/// 400 bytes with the texture of ops: half of it digests, half of it words that come again.
std::string like_ops(std::size_t bytes) {
  std::string out;
  std::uint64_t state = 1;
  while (out.size() < bytes) {
    for (int i = 0; i < 200; ++i) out += static_cast<char>((state = state * 6364136223846793005U + 1) >> 56U);
    for (int i = 0; i < 10; ++i) out += "stage=2_current|agt|";
  }
  out.resize(bytes);
  return out;
}

void report(std::string_view what, const Load& load, Clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  fmt::print("{:<28} {:>7} x {:>6} B  {:>9.0f} messages/s {:>8.1f} MB/s\n", what, load.messages, load.bytes,
             static_cast<double>(load.messages) / seconds,
             static_cast<double>(load.messages * load.bytes) / seconds / 1e6);
}

// --- a bare TCP connection

Clock::duration raw(const Load& load) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    std::abort();
  }
  const auto begin = Clock::now();
  std::thread sender([&] {
    const int out = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(out, reinterpret_cast<sockaddr*>(&at), size) != 0) std::abort();
    const std::string message = like_ops(load.bytes);
    for (std::size_t i = 0; i < load.messages; ++i) {
      for (std::size_t sent = 0; sent < message.size();) {
        sent += static_cast<std::size_t>(::send(out, message.data() + sent, message.size() - sent, 0));
      }
    }
    ::close(out);
  });
  const int in = ::accept(listener, nullptr, nullptr);
  std::string buffer(64U << 10U, '\0');
  while (::recv(in, buffer.data(), buffer.size(), 0) > 0) {
  }
  const auto took = Clock::now() - begin;
  sender.join();
  ::close(in);
  ::close(listener);
  return took;
}

// --- a WebSocket

struct Receiver final : http::WebSocketUser {
  void on_message(std::string_view) override {
    if (++count == expected) done.set_value(Clock::now());
  }
  void on_drained() override {}
  void on_closed(const http::WebSocketClosed&) override {}
  std::size_t expected = 0, count = 0;
  std::promise<Clock::time_point> done;
};

struct Sender final : http::WebSocketUser {
  Sender(std::shared_ptr<http::WebSocket> to, const Load& load)
      : socket(std::move(to)), message(like_ops(load.bytes)), left(load.messages) {}
  void on_message(std::string_view) override {}
  void on_drained() override { fill(); }
  void on_closed(const http::WebSocketClosed&) override { socket.reset(); }
  void fill() {
    while (left > 0 && socket->queued_bytes() < 1'000'000) {
      --left;
      if (!socket->send(message)) std::abort();
    }
  }
  std::shared_ptr<http::WebSocket> socket;
  const std::string message;
  std::size_t left;
};

Clock::duration web_socket(const Load& load, const std::optional<http::TlsFiles>& tls, bool deflate) {
  boost::asio::io_context server_io{1}, client_io{1};
  http::Options options;
  options.tls = tls;
  auto server = http::Server::create(server_io, std::move(options)).value();
  const auto receiver = std::make_shared<Receiver>();
  receiver->expected = load.messages;
  server->route_web_socket(
      "/", [&](const http::Request&, const std::shared_ptr<http::WebSocket>& socket) { socket->start(receiver); });
  const auto port = server->listen("127.0.0.1", 0)->port;
  std::thread serving([&] { server_io.run(); });
  Clock::time_point begin;
  const auto url = http::parse_web_socket_url(fmt::format("{}://localhost:{}", tls ? "wss" : "ws", port)).value();
  const auto dial =
      http::dial_web_socket(client_io, url, {.deflate = deflate}, [&](Result<std::shared_ptr<http::WebSocket>> socket) {
        if (!socket) std::abort();
        const auto sender = std::make_shared<Sender>(*socket, load);
        begin = Clock::now();
        (*socket)->start(sender);
        sender->fill();
      });
  std::thread dialing([&] { client_io.run(); });
  const auto end = receiver->done.get_future().get();
  client_io.stop();
  server_io.stop();
  dialing.join();
  serving.join();
  return end - begin;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<http::TlsFiles> tls;
  if (argc == 3) {
    tls = http::TlsFiles{argv[1], argv[2]};
    ::setenv("SSL_CERT_FILE", argv[1], 1);
  }
  for (const Load& load : kLoads) {
    report("bare TCP", load, raw(load));
    report("WebSocket", load, web_socket(load, {}, false));
    report("WebSocket, deflated", load, web_socket(load, {}, true));
    if (tls) report("WebSocket, TLS", load, web_socket(load, tls, false));
  }
  return 0;
}
