#include "crypto/signature.hpp"

#include <sodium.h>

#include "crypto/signature_self_test.hpp"
#include "crypto/signed_message.hpp"
#include "crypto/sodium.hpp"

namespace musher {

bool is_author_key(const AuthorId& author) {
  start_sodium();
  return crypto_core_ed25519_is_valid_point(author.key.data()) == 1;
}

bool signature_holds(const AuthorId& author, const OpId& id, const Signature& signature) {
  start_sodium();
  const SignedMessage message = signed_message(kOpDomain, id.hash);
  return crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(), author.key.data()) == 0;
}

Result<void> verification_self_test() { return check_signature_rule({is_author_key, signature_holds}); }

}  // namespace musher
