#pragma once
// Who vouches for the certificates of servers: the system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR.

#include "model/result.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace musher::http {

/// OpenSSL itself passes over a file or a folder that it cannot read.
/// @errors usage: SSL_CERT_FILE has no certificate, or one of SSL_CERT_DIR is no folder that can be read.
[[nodiscard]] Result<void> load_authorities(ssl_ctx_st* context);

/// Whether they can be loaded, for who dials only later.
/// @errors usage, as load_authorities().
[[nodiscard]] Result<void> check_authorities();

}  // namespace musher::http
