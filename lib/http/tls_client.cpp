#include "http/tls_client.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "http/authorities.hpp"
#include "http/unreached.hpp"
#include "model/escape.hpp"

namespace musher::http {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Result<void> prepare_client_tls(ssl::context& context) {
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  return load_authorities(context.native_handle());
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

namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string address_text(std::string_view bytes) {
  namespace ip = boost::asio::ip;
  if (ip::address_v4::bytes_type v4; bytes.size() == v4.size()) {
    std::ranges::copy(bytes, v4.begin());
    return ip::address_v4(v4).to_string();
  }
  if (ip::address_v6::bytes_type v6; bytes.size() == v6.size()) {
    std::ranges::copy(bytes, v6.begin());
    return ip::address_v6(v6).to_string();
  }
  return "?";
}

/// The names and addresses that a certificate is good for: its subject's only where there are no others.
std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int kind = 0;
    const auto* const name =
        static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind));
    if (kind == GEN_DNS) found.push_back(escape(bytes_of(name)));
    if (kind == GEN_IPADD) found.push_back(address_text(bytes_of(name)));
  }
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (found.empty() && at >= 0)
    found.push_back(escape(bytes_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))));
  return found;
}

TlsFailure other_name(const SSL* tls) {
  constexpr std::size_t kMost = 5;
  // The peer's certificate itself is kept only of a handshake that succeeds.
  const STACK_OF(X509)* const chain = SSL_get0_verified_chain(tls);
  std::vector<std::string> names;
  if (sk_X509_num(chain) > 0) names = names_of(sk_X509_value(chain, 0));
  if (names.size() > kMost) {
    names.resize(kMost);
    names.emplace_back("...");
  }
  return {TlsFailure::Cause::other_name,
          fmt::format("its certificate is of another name{}{}", names.empty() ? "" : ": ", fmt::join(names, ", "))};
}

}  // namespace

TlsFailure why_no_tls(SSL* tls, const error_code& error) {
  using Cause = TlsFailure::Cause;
  const long verified = SSL_get_verify_result(tls);
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) return other_name(tls);
  if (verified != X509_V_OK) return {Cause::certificate, X509_verify_cert_error_string(verified)};
  if (error == boost::asio::error::eof || error == ssl::error::stream_truncated) return {Cause::ended, error.message()};
  const bool is_of_tls = error.category() == boost::asio::error::get_ssl_category();
  const auto reason = is_of_tls ? ERR_GET_REASON(static_cast<unsigned long>(error.value())) : 0;
  return {reason == SSL_R_WRONG_VERSION_NUMBER ? Cause::not_tls : Cause::other, error.message()};
}

std::unexpected<Error> no_tls(std::string_view whom, std::string_view without_tls, const TlsFailure& failure) {
  using Cause = TlsFailure::Cause;
  std::string why = failure.why;
  std::string hint(kIsItMusherServe);
  if (failure.cause == Cause::not_tls) {
    why = fmt::format("that port speaks none: it is {}", without_tls.substr(0, without_tls.find("//") + 2));
    hint = fmt::format("if it is meant to have no TLS: {}; else somebody is in between", without_tls);
  } else if (failure.cause == Cause::ended) {
    hint = fmt::format("if that port speaks no TLS: {}", without_tls);
  } else if (failure.cause == Cause::other_name) {
    hint = "if one of these names is that node's: that one in the URL; else somebody is in between";
  } else if (failure.cause == Cause::certificate) {
    hint = "another authority of certificates: SSL_CERT_FILE=CA.pem musher ...";
  }
  return fail(Errc::io, fmt::format("no TLS with {}: {}", whom, why), std::move(hint));
}

bool is_tls_alert(std::string_view first_bytes) { return first_bytes.starts_with("\x15\x03"); }

}  // namespace musher::http
