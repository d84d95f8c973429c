#include "http/authorities.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "model/escape.hpp"

namespace musher::http {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// An empty file name means the same as not set.
std::string_view variable(const char* name) {
  const char* const value = ::secure_getenv(name);  // as OpenSSL reads it
  return value == nullptr ? std::string_view() : value;
}

std::unexpected<Error> bad(const char* name, std::string_view path, std::string_view why, std::string_view what) {
  return fail(Errc::usage, fmt::format("{}: cannot use {}: {}", name, quote(path), why),
              fmt::format("{}; or unset {}", what, name));
}

Result<void> load_file(SSL_CTX* context) {
  const char* const name = X509_get_default_cert_file_env();
  const std::string file(variable(name));
  ERR_clear_error();
  const int loaded = SSL_CTX_load_verify_file(context, file.empty() ? X509_get_default_cert_file() : file.c_str());
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (loaded == 1 || file.empty()) return {};
  const bool is_of_system = ERR_GET_LIB(error) == ERR_LIB_SYS;
  return bad(name, file, is_of_system ? std::strerror(ERR_GET_REASON(error)) : "there is no certificate in it",
             "a PEM file with the certificates of authorities");
}

/// OpenSSL passes over folders that are not there: one of them is enough.
Result<void> check_folders() {
  const char* const name = X509_get_default_cert_dir_env();
  const std::string_view folders = variable(name);
  std::error_code error;
  for (std::string_view rest = folders; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (!folder.empty() && std::filesystem::is_directory(folder, error)) return {};
  }
  if (folders.empty()) return {};
  return bad(name, folders, error ? error.message() : "it is no folder", "folders as openssl rehash makes them");
}

}  // namespace

Result<void> load_authorities(SSL_CTX* context) {
  MUSHER_CHECK(load_file(context));
  MUSHER_CHECK(check_folders());
  SSL_CTX_set_default_verify_dir(context);  // its files are looked for when one is needed
  return {};
}

Result<void> check_authorities() {
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  return context ? load_authorities(context.get()) : Result<void>();
}

}  // namespace musher::http
