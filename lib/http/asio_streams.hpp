#pragma once
// The streams that transports are made of. For .cpp files that use Asio themselves.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <memory>

#include "http/transport.hpp"

namespace musher::http {

/// Not the type-erased executor of tcp::socket: it costs an allocation here and there.
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
using TlsStream = boost::asio::ssl::stream<Socket>;

/// Over what is connected, and has its handshake behind it: Transport::handshake() is a server's.
[[nodiscard]] std::unique_ptr<Transport> make_transport(Socket connected);
[[nodiscard]] std::unique_ptr<Transport> make_transport(TlsStream connected);

}  // namespace musher::http
