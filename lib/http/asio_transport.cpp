#include "http/asio_transport.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <type_traits>

#include "http/tls_client.hpp"

namespace musher::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Role = asio::ssl::stream_base::handshake_type;
/// Not the type-erased executor of tcp::socket: it costs an allocation here and there.
using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using TlsStream = asio::ssl::stream<Socket>;
using User = std::shared_ptr<TransportUser>;
using Parts = std::array<asio::const_buffer, 2>;

Parts parts_of(std::string_view first, std::string_view second) {
  return {asio::buffer(first.data(), first.size()), asio::buffer(second.data(), second.size())};
}

Io io_of(const error_code& error) {
  if (!error) return Io::ok;
  const bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
  return ended ? Io::ended : Io::failed;
}

/// Before TLS 1.3 the exporter belongs to one connection only with the extended master secret (RFC 9266, section 4.2).
std::optional<ChannelBinding> exporter_of(SSL* tls) {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  if (SSL_version(tls) < TLS1_3_VERSION && SSL_get_extms_support(tls) != 1) return std::nullopt;
  ChannelBinding binding{};
  const std::uint8_t no_context = 0;
  const int done =
      SSL_export_keying_material(tls, binding.data(), binding.size(), kLabel.data(), kLabel.size(), &no_context, 0, 1);
  return done == 1 ? std::optional(binding) : std::nullopt;
}

template <class Stream>
class AsioTransport final : public Transport {
 public:
  explicit AsioTransport(Stream stream, Role role) : stream_(std::move(stream)), role_(role) {
    error_code ignored;
    socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    socket().non_blocking(true, ignored);
  }

  bool handshake(User user) override {
    if constexpr (kIsTls) {
      stream_.async_handshake(role_, [this, user = std::move(user)](error_code error) {
        user->on_handshake(io_of(error), error ? why_no_tls(stream_.native_handle(), error) : TlsFailure());
      });
    }
    return kIsTls;
  }

  void read(std::span<char> into, User user) override {
    stream_.async_read_some(
        asio::buffer(into.data(), into.size()),
        [user = std::move(user)](error_code error, std::size_t bytes) { user->on_read(io_of(error), bytes); });
  }

  std::size_t write_now(std::string_view first, std::string_view second) override {
    if constexpr (kIsTls) return 0;  // a TLS stream that could not write at once may not be left there
    error_code error;
    const std::size_t bytes = socket().write_some(parts_of(first, second), error);
    return error ? 0 : bytes;
  }

  void write(std::string_view first, std::string_view second, User user) override {
    constexpr std::size_t kAtOnce = 64U << 10U;
    const auto progress = [watcher = user.get()](error_code error, std::size_t) {
      watcher->on_write_progress();
      return error ? std::size_t{0} : kAtOnce;
    };
    asio::async_write(stream_, parts_of(first, second), progress,
                      [user = std::move(user)](error_code error, std::size_t) { user->on_written(io_of(error)); });
  }

  void end_writing(User user) override {
    if constexpr (kIsTls) {
      // Its end is not waited for: whoever lingers has a deadline.
      stream_.async_shutdown([user = std::move(user)](error_code) {});
    } else {
      error_code ignored;
      socket().shutdown(asio::socket_base::shutdown_send, ignored);
    }
  }

  void close() override {
    error_code ignored;
    socket().close(ignored);
  }

  std::optional<ChannelBinding> channel_binding() override {
    if constexpr (kIsTls) return exporter_of(stream_.native_handle());
    return std::nullopt;
  }

 private:
  static constexpr bool kIsTls = std::is_same_v<Stream, TlsStream>;

  Socket& socket() {
    if constexpr (kIsTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  Stream stream_;
  const Role role_;
};

std::unique_ptr<Transport> make(asio::io_context& io, int socket, bool is_v6, asio::ssl::context* tls, Role role,
                                const std::string& host) {
  Socket connected(io.get_executor(), is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket);
  if (tls == nullptr) return std::make_unique<AsioTransport<Socket>>(std::move(connected), role);
  TlsStream stream(std::move(connected), *tls);
  if (role == Role::client) expect_server(stream.native_handle(), host);
  return std::make_unique<AsioTransport<TlsStream>>(std::move(stream), role);
}

}  // namespace

std::unique_ptr<Transport> make_transport(asio::io_context& io, int socket, bool is_v6, asio::ssl::context* tls) {
  return make(io, socket, is_v6, tls, Role::server, {});
}

std::unique_ptr<Transport> make_client_transport(asio::io_context& io, int socket, bool is_v6, asio::ssl::context* tls,
                                                 const std::string& host) {
  return make(io, socket, is_v6, tls, Role::client, host);
}

}  // namespace musher::http
