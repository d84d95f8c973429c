#include "http/tls_client.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

namespace musher::http {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

void prepare_client_tls(ssl::context& context, error_code& error) {
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.set_default_verify_paths(error);
}

void expect_server(SSL* tls, const std::string& host) {
  SSL_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str());
    return;
  }
  SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(tls, host.c_str());
  // As SSL_set_tlsext_host_name, a macro with a C cast; the name is copied.
  std::string name = host;
  SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

std::unexpected<Error> no_tls(std::string_view whom, SSL* tls, const error_code& error) {
  const long verified = SSL_get_verify_result(tls);
  const std::string why = verified == X509_V_OK ? error.message() : X509_verify_cert_error_string(verified);
  return fail(Errc::io, fmt::format("no TLS with {}: {}", whom, why),
              "another authority of certificates: SSL_CERT_FILE=CA.pem musher ...");
}

}  // namespace musher::http
