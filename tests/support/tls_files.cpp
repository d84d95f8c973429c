#include "support/tls_files.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace musher::testing {
namespace {

template <class T, void (*free)(T*)>
struct Deleter {
  void operator()(T* object) const { free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509, X509_free>>;

void must(bool done) {
  if (!done) throw std::runtime_error("cannot make a certificate");
}

}  // namespace

http::TlsFiles make_tls_files(const TempFolder& folder, const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key.get());
  must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  http::TlsFiles files{folder / (name + ".crt"), folder / (name + ".key")};
  std::FILE* out = std::fopen(files.certificate.c_str(), "wb");
  must(PEM_write_X509(out, certificate.get()) == 1);
  std::fclose(out);
  out = std::fopen(files.key.c_str(), "wb");
  must(PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::fclose(out);
  return files;
}

}  // namespace musher::testing
