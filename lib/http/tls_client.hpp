#pragma once
// TLS of this end to a server. For .cpp files that include Asio.

#include <boost/asio/ssl/context.hpp>

#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher::http {

/// TLS 1.2 and later, with the system's authorities, or those of SSL_CERT_FILE.
void prepare_client_tls(boost::asio::ssl::context& context, boost::system::error_code& error);

/// Has the server's certificate verified, and the host against the names in it.
void expect_server(SSL* tls, const std::string& host);

/// There is no TLS with `whom`, and why.
[[nodiscard]] std::unexpected<Error> no_tls(std::string_view whom, SSL* tls, const boost::system::error_code& error);

}  // namespace musher::http
