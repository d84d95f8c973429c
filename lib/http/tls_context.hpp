#pragma once
// TLS 1.2 and later for a server.

#include <memory>

#include "http/options.hpp"
#include "model/result.hpp"

namespace boost::asio::ssl {
class context;
}

namespace musher::http {

/// @errors usage: a file is missing, is not PEM, asks for a pass phrase, or the key is not the certificate's.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const TlsFiles& files);

}  // namespace musher::http
