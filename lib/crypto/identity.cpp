#include "crypto/identity.hpp"

#include <sodium.h>

#include <stdexcept>

#include "crypto/identity_secret.hpp"
#include "crypto/signature.hpp"
#include "crypto/signed_message.hpp"

namespace musher {
namespace {

// A domain of its own: never the one of ops, and never another's after padding.
bool is_statement_domain(std::string_view domain) {
  return !domain.empty() && domain.size() <= kDomainBytes && domain != kOpDomain && domain.find('\0') == domain.npos;
}

}  // namespace

Identity::Secret::Secret(std::span<const std::uint8_t> seed) {
  static_assert(kSecretKeyBytes == crypto_sign_SECRETKEYBYTES && kSeedBytes == crypto_sign_SEEDBYTES);
  crypto_sign_seed_keypair(author.key.data(), key.data(), seed.data());
}

Identity::Identity(std::unique_ptr<Secret> secret) : secret_(std::move(secret)) {}
Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

Identity Identity::generate() {
  SecretBytes seed(kSeedBytes);
  randombytes_buf(seed.data(), seed.size());
  return Identity(std::make_unique<Secret>(seed.bytes()));
}

Identity Identity::from_seed(const std::array<std::uint8_t, 32>& seed) {
  return Identity(std::make_unique<Secret>(seed));
}

const AuthorId& Identity::author() const { return secret_->author; }

Signature Identity::sign(const OpId& id) const {
  const SignedMessage message = signed_message(kOpDomain, id.hash);
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, message.data(), message.size(), secret_->key.data());
  return signature;
}

Signature Identity::sign_statement(std::string_view domain, const Digest& digest) const {
  if (!is_statement_domain(domain)) throw std::logic_error("this is no domain of a signed statement");
  const SignedMessage message = signed_message(domain, digest.bytes);
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, message.data(), message.size(), secret_->key.data());
  return signature;
}

bool statement_holds(const AuthorId& author, std::string_view domain, const Digest& digest,
                     const Signature& signature) {
  if (!is_statement_domain(domain) || !is_author_key(author)) return false;
  const SignedMessage message = signed_message(domain, digest.bytes);
  return crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(), author.key.data()) == 0;
}

}  // namespace musher
