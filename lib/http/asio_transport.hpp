#pragma once
// Transports over Asio's sockets. For .cpp files that include Asio: its types are only named here.

#include <memory>
#include <string>

#include "http/transport.hpp"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace musher::http {

/// A transport over a connected TCP socket, which it owns from now on. With a context it speaks TLS first.
/// @param is_v6 the socket's family.
[[nodiscard]] std::unique_ptr<Transport> make_transport(boost::asio::io_context& io, int socket, bool is_v6,
                                                        boost::asio::ssl::context* tls);

/// The other end of one: with a context, handshake() checks that the server is `host` (tls_client.hpp).
[[nodiscard]] std::unique_ptr<Transport> make_client_transport(boost::asio::io_context& io, int socket, bool is_v6,
                                                               boost::asio::ssl::context* tls, const std::string& host);

}  // namespace musher::http
