#pragma once
// TLS of this end to a server. For .cpp files that include Asio.

#include <string>
#include <string_view>

#include "http/transport.hpp"
#include "model/result.hpp"

struct ssl_st;  // OpenSSL's SSL
namespace boost {
namespace asio::ssl {
class context;
}
namespace system {
class error_code;
}
}  // namespace boost

namespace musher::http {

/// TLS 1.2 and later, with the authorities of http/authorities.hpp.
/// @errors usage.
[[nodiscard]] Result<void> prepare_client_tls(boost::asio::ssl::context& context);

/// Has the server's certificate verified, and the host against the names in it.
void expect_server(ssl_st* tls, const std::string& host);

/// What a handshake failed for: what is wrong with the certificate, if it is that.
[[nodiscard]] TlsFailure why_no_tls(ssl_st* tls, const boost::system::error_code& error);

/// @param without_tls  the URL of the same place without TLS
[[nodiscard]] std::unexpected<Error> no_tls(std::string_view whom, std::string_view without_tls,
                                            const TlsFailure& failure);

/// Whether this is how a server that speaks TLS answers one who does not. Many say nothing.
[[nodiscard]] bool is_tls_alert(std::string_view first_bytes);

}  // namespace musher::http
