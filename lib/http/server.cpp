#include "http/server.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "http/asio_transport.hpp"
#include "http/connection.hpp"
#include "http/hub.hpp"
#include "http/live_web_socket.hpp"
#include "http/response_head.hpp"
#include "http/tls_context.hpp"

namespace musher::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

/// Connections taken in one go before others are served.
constexpr int kAcceptsAtOnce = 64;
constexpr milliseconds kAcceptPause{100};

Endpoint endpoint_of(const tcp::endpoint& bound) { return {bound.address().to_string(), bound.port()}; }

milliseconds check_interval(const Limits& limits) {
  const milliseconds shortest = std::min({limits.idle_timeout, limits.header_timeout, limits.body_timeout,
                                          limits.write_timeout, limits.stream_keep_alive, limits.linger_timeout});
  return std::clamp(shortest / 4, milliseconds{5}, milliseconds{500});
}

Result<Endpoint> not_listening(const std::string& where, const error_code& error) {
  return fail(
      Errc::io, fmt::format("cannot listen on {}: {}", where, error.message()),
      error == asio::error::address_in_use ? "ss -ltnp  # who has the port" : "ip address  # the addresses here");
}

}  // namespace

std::string Endpoint::text() const {
  const bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  struct Listener {
    explicit Listener(tcp::acceptor opened) : acceptor(std::move(opened)), pause(acceptor.get_executor()) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;  ///< when there are no descriptors left
  };

  Impl(asio::io_context& context, std::shared_ptr<Hub> shared) : io(context), hub(std::move(shared)) {}

  Result<Endpoint> begin(tcp::acceptor acceptor);
  void wait_for_clients(const std::shared_ptr<Listener>& listener);
  void accept_clients(const std::shared_ptr<Listener>& listener);
  void take(int socket, const sockaddr_storage& address);
  [[nodiscard]] bool make_room();
  [[nodiscard]] LiveWebSocket* longest_closing() const;
  [[nodiscard]] Connection* longest_waiting() const;
  void check_later();
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> connections() const;
  void close_all();
  void finish_drain();

  asio::io_context& io;
  std::shared_ptr<Hub> hub;
  std::shared_ptr<asio::ssl::context> tls;
  std::vector<std::shared_ptr<Listener>> listeners;
  asio::steady_timer check{io};
  bool checking = false;
  asio::steady_timer drain_deadline{io};
  std::function<void()> drained;
};

Result<std::unique_ptr<Server>> Server::create(asio::io_context& io, Options options) {
  std::shared_ptr<asio::ssl::context> tls;
  if (options.tls) {
    MUSHER_TRY(tls, make_tls_context(*options.tls));
  }
  auto hub = std::make_shared<Hub>();
  hub->options = std::move(options);
  hub->io = &io;
  hub->post = [&io](std::function<void()> later) { asio::post(io, std::move(later)); };
  auto impl = std::make_shared<Impl>(io, std::move(hub));
  impl->tls = std::move(tls);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop_accepting();
  impl_->hub->on_empty = nullptr;
  impl_->check.cancel();
  impl_->drain_deadline.cancel();
  impl_->close_all();
  impl_->hub->routes.clear();
}

void Server::route(std::string path, Handler handler, Access access) {
  impl_->hub->routes.insert_or_assign(std::move(path), Route{std::move(handler), access});
}

void Server::route_web_socket(std::string path, WebSocketHandler handler, WebSocketRoute options) {
  auto target = std::make_shared<const WebSocketTarget>(std::move(handler), std::move(options));
  impl_->hub->routes.insert_or_assign(std::move(path), Route{{}, Access::token, std::move(target)});
}

Result<Endpoint> Server::listen(const std::string& address, std::uint16_t port) {
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) {
    return fail(Errc::usage, fmt::format("cannot listen on \"{}\": it is not an address in digits", address),
                "127.0.0.1 or ::1 for this machine alone");
  }
  const tcp::endpoint wanted(ip, port);
  tcp::acceptor acceptor(impl_->io);
  acceptor.open(wanted.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && ip.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(wanted, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return not_listening(Endpoint{address, port}.text(), error);
  return impl_->begin(std::move(acceptor));
}

Result<Endpoint> Server::listen_inherited(int descriptor) {
  int listens = 0;
  int domain = 0;
  socklen_t size = sizeof listens;
  const bool is_socket = ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
                         ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
  if (!is_socket || listens == 0 || (domain != AF_INET && domain != AF_INET6)) {
    return fail(Errc::usage,
                fmt::format("cannot take over descriptor {}: it is not a listening TCP socket", descriptor),
                "ListenStream=127.0.0.1:7777 in the .socket unit");
  }
  tcp::acceptor acceptor(impl_->io);
  error_code error;
  acceptor.assign(domain == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
  if (error) return not_listening(fmt::format("descriptor {}", descriptor), error);
  return impl_->begin(std::move(acceptor));
}

Result<Endpoint> Server::Impl::begin(tcp::acceptor acceptor) {
  error_code error;
  acceptor.non_blocking(true, error);
  const tcp::endpoint bound = error ? tcp::endpoint() : acceptor.local_endpoint(error);
  if (error) return not_listening("a socket", error);
  listeners.push_back(std::make_shared<Listener>(std::move(acceptor)));
  wait_for_clients(listeners.back());
  return endpoint_of(bound);
}

// --- clients

void Server::Impl::wait_for_clients(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_wait(tcp::acceptor::wait_read, [self = weak_from_this(), listener](error_code error) {
    const auto impl = self.lock();
    if (impl && !error && listener->acceptor.is_open()) impl->accept_clients(listener);
  });
}

void Server::Impl::accept_clients(const std::shared_ptr<Listener>& listener) {
  for (int taken = 0; taken < kAcceptsAtOnce; ++taken) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int socket = ::accept4(listener->acceptor.native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      take(socket, address);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      listener->pause.expires_after(kAcceptPause);
      listener->pause.async_wait([self = weak_from_this(), listener](error_code error) {
        const auto impl = self.lock();
        if (impl && !error && listener->acceptor.is_open()) impl->wait_for_clients(listener);
      });
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      break;
    }
  }
  wait_for_clients(listener);
}

void Server::Impl::take(int socket, const sockaddr_storage& address) {
  ++hub->stats.accepted;
  if (!make_room()) {
    ++hub->stats.turned_away;
    if (!tls) {
      const BadRequest full{503, "there are too many connections"};
      const Response response = refusal_response(full);
      std::string bytes;
      write_head(response, {hub->date(), false, false}, bytes);
      bytes += response.body;
      static_cast<void>(::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    ::close(socket);
    return;
  }
  const bool is_v6 = address.ss_family == AF_INET6;
  tcp::endpoint peer;
  std::memcpy(peer.data(), &address, std::min(sizeof address, peer.capacity()));
  auto connection =
      std::make_shared<Connection>(hub, make_transport(io, socket, is_v6, tls.get()), endpoint_of(peer).text());
  hub->add(connection);
  connection->start();
  check_later();
}

/// What only waits for a goodbye makes room; else, of the source that holds most, whoever has waited longest without
/// asking for anything.
bool Server::Impl::make_room() {
  if (hub->open() < hub->options.limits.connections) return true;
  if (LiveWebSocket* const closing = longest_closing())
    closing->end_closing();
  else if (Connection* const waiting = longest_waiting())
    waiting->close();
  else
    return false;
  ++hub->stats.turned_away;
  return true;
}

LiveWebSocket* Server::Impl::longest_closing() const {
  LiveWebSocket* found = nullptr;
  for (const auto& [socket, opened] : hub->web_sockets) {
    if (const auto until = socket->closing_until(); until && (!found || *until < *found->closing_until()))
      found = socket;
  }
  return found;
}

Connection* Server::Impl::longest_waiting() const {
  Connection* found = nullptr;
  const auto goes_first = [&](const Connection& a, const Connection& b) {
    const std::size_t held_by_a = hub->held_by(a.source());
    const std::size_t held_by_b = hub->held_by(b.source());
    return held_by_a != held_by_b ? held_by_a > held_by_b : *a.waits_since() < *b.waits_since();
  };
  for (const auto& [connection, owner] : hub->connections) {
    if (connection->waits_since() && (!found || goes_first(*connection, *found))) found = connection;
  }
  return found;
}

std::vector<std::shared_ptr<Connection>> Server::Impl::connections() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(hub->connections.size());
  for (const auto& [connection, owner] : hub->connections) all.push_back(owner);
  return all;
}

/// One timer for all connections: a timer each would be set and cancelled with every request.
void Server::Impl::check_later() {
  if (checking || hub->connections.empty()) return;
  checking = true;
  check.expires_after(check_interval(hub->options.limits));
  check.async_wait([self = weak_from_this()](error_code error) {
    const auto impl = self.lock();
    if (!impl || error) return;
    impl->checking = false;
    const auto now = Connection::Clock::now();
    for (const auto& connection : impl->connections()) connection->check_time(now);
    impl->check_later();
  });
}

void Server::Impl::close_all() {
  for (const auto& connection : connections()) connection->close();
  for (const auto& [socket, opened] : hub->web_sockets) socket->cut("the server has ended");
}

// --- changes while it runs, and the end

void Server::set_allowed_hosts(std::vector<std::string> names) { impl_->hub->options.allowed_hosts = std::move(names); }

void Server::set_tokens(std::optional<TokenTable> tokens) {
  impl_->hub->options.tokens = std::move(tokens);
  const auto& held = impl_->hub->options.tokens;
  for (const auto& connection : impl_->connections()) {
    const auto token = connection->stream_token();
    if (token && (!held || !held->find(*token))) connection->close();
  }
  for (const auto& [socket, opened] : impl_->hub->web_sockets) {
    if (!opened.token) continue;
    const auto principal = held ? held->find(*opened.token) : std::nullopt;
    if (!principal)
      socket->close(1008, "the token is not known any more");
    else if (opened.writes && principal->read_only)
      socket->close(1008, "the token may only read from now on");
  }
}

void Server::stop_accepting() {
  for (const auto& listener : impl_->listeners) {
    error_code ignored;
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
  impl_->listeners.clear();
}

void Server::drain(milliseconds deadline, std::function<void()> done) {
  stop_accepting();
  Impl& impl = *impl_;
  impl.hub->draining = true;
  impl.drained = std::move(done);
  impl.hub->on_empty = [weak = impl.weak_from_this()] {
    if (const auto self = weak.lock()) self->finish_drain();
  };
  for (const auto& connection : impl.connections()) connection->drain();
  for (const auto& [socket, opened] : impl.hub->web_sockets) socket->close(1001, "the server is going away");
  if (impl.hub->open() == 0) return impl.finish_drain();
  impl.drain_deadline.expires_after(deadline);
  impl.drain_deadline.async_wait([weak = impl.weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->close_all();
  });
}

void Server::Impl::finish_drain() {
  drain_deadline.cancel();
  check.cancel();
  if (drained) hub->post(std::exchange(drained, nullptr));
}

const Stats& Server::stats() const { return impl_->hub->stats; }

}  // namespace musher::http
