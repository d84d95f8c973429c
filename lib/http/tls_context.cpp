#include "http/tls_context.hpp"

#include <fmt/format.h>

#include <boost/asio/ssl/context.hpp>

#include "model/text.hpp"

namespace musher::http {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Result<std::shared_ptr<ssl::context>> make_tls_context(const TlsFiles& files) {
  const auto bad = [](std::string_view what, const std::filesystem::path& file, const error_code& error) {
    return fail(Errc::usage, fmt::format("cannot use the TLS {} {}: {}", what, file.string(), error.message()),
                "openssl pkey -noout -in KEY; openssl x509 -noout -subject -in CERTIFICATE");
  };
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_compression |
                       SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  error_code error;
  // A server started by a supervisor has nobody to ask for a pass phrase.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
  if (!error) context->use_certificate_chain_file(files.certificate.string(), error);
  if (error) return bad("certificate", files.certificate, error);
  context->use_private_key_file(files.key.string(), ssl::context::pem, error);
  if (error) return bad("key", files.key, error);
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return fail(Errc::usage,
                fmt::format("cannot use the TLS key {}: it is not that of the certificate {}", files.key.string(),
                            files.certificate.string()),
                fmt::format("openssl x509 -noout -pubkey -in {}; openssl pkey -pubout -in {}",
                            shell_word(files.certificate.native()), shell_word(files.key.native())));
  }
  return context;
}

}  // namespace musher::http
