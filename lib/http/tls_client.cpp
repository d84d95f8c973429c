#include "http/tls_client.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>

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

TlsFailure why_no_tls(SSL* tls, const error_code& error) {
  using Cause = TlsFailure::Cause;
  const long verified = SSL_get_verify_result(tls);
  if (verified != X509_V_OK) return {Cause::certificate, X509_verify_cert_error_string(verified)};
  if (error == boost::asio::error::eof || error == ssl::error::stream_truncated) return {Cause::ended, error.message()};
  const bool is_of_tls = error.category() == boost::asio::error::get_ssl_category();
  const auto reason = is_of_tls ? ERR_GET_REASON(static_cast<unsigned long>(error.value())) : 0;
  return {reason == SSL_R_WRONG_VERSION_NUMBER ? Cause::not_tls : Cause::other, error.message()};
}

std::unexpected<Error> no_tls(std::string_view whom, std::string_view without_tls, const TlsFailure& failure) {
  using Cause = TlsFailure::Cause;
  std::string why = failure.why;
  std::string hint = "is it the port of musher serve?";
  if (failure.cause == Cause::not_tls) {
    why = fmt::format("that port speaks none: it is {}", without_tls.substr(0, without_tls.find("//") + 2));
    hint = fmt::format("without TLS: {}", without_tls);
  } else if (failure.cause == Cause::ended) {
    hint = fmt::format("if that port speaks no TLS: {}", without_tls);
  } else if (failure.cause == Cause::certificate) {
    hint = "another authority of certificates: SSL_CERT_FILE=CA.pem musher ...";
  }
  return fail(Errc::io, fmt::format("no TLS with {}: {}", whom, why), std::move(hint));
}

bool is_tls_alert(std::string_view first_bytes) { return first_bytes.starts_with("\x15\x03"); }

}  // namespace musher::http
