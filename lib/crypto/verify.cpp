#include "crypto/verify.hpp"

#include <stdexcept>

#include "crypto/hashing.hpp"
#include "crypto/known_signer.hpp"
#include "crypto/signature.hpp"
#include "model/canonical_bytes.hpp"
#include "model/validity.hpp"

namespace musher {
namespace {

constexpr std::size_t kRememberedKeys = 16384;  ///< a stranger can make keys faster than we can check them

OpId id_of(const Op& op) {
  thread_local std::vector<std::uint8_t> bytes;
  canonical_bytes(op, bytes);
  return op_id(bytes);
}

void require_good_library() {
  static const Result<void> tested = verification_self_test();
  if (!tested) throw std::runtime_error(tested.error().what);
}

}  // namespace

Verifier::Verifier(const DocumentId& document, SignatureCheck check) : document_(document), check_(check) {
  require_good_library();
}

std::expected<VerifiedOp, Reject> Verifier::verify_or_leave(SignedOp& op) const {
  const auto id = check_unsigned(op);
  if (!id) return std::unexpected(id.error());
  if (!knows_author_key(op.op.author)) return std::unexpected(Reject::bad_author_key);
  if (!holds(op.op.author, *id, op.signature)) return std::unexpected(Reject::bad_signature);
  return VerifiedOp(std::move(op), *id);
}

std::expected<OpId, Reject> Verifier::check_unsigned(const SignedOp& op) const {
  if (const auto broken = check_form(op, document_)) return std::unexpected(*broken);
  if (op.content && content_digest(op.salt, *op.content) != op.op.content_digest) {
    return std::unexpected(Reject::digest_mismatch);
  }
  return id_of(op.op);
}

bool Verifier::check_signature(const AuthorId& author, const OpId& id, const Signature& signature) const {
  return knows_author_key(author) && holds(author, id, signature);
}

bool Verifier::holds(const AuthorId& author, const OpId& id, const Signature& signature) const {
  if (check_ == SignatureCheck::known_signers) {
    const auto signer = KnownSigners::of_process().find(author);
    if (signer && signer->holds(id, signature)) return true;
  }
  return signature_holds(author, id, signature);
}

bool Verifier::knows_author_key(const AuthorId& author) const {
  {
    const std::shared_lock lock(mutex_);
    if (const auto known = author_keys_.find(author); known != author_keys_.end()) return known->second;
  }
  const bool good = is_author_key(author);
  const std::unique_lock lock(mutex_);
  if (author_keys_.size() >= kRememberedKeys) author_keys_.clear();
  author_keys_.emplace(author, good);
  return good;
}

Result<VerifiedOp> sign_op(const Identity& identity, Op op, std::optional<std::string> content) {
  SignedOp claim{std::move(op), {}, std::move(content), {}};
  claim.op.author = identity.author();
  claim.op.content_digest = {};
  if (claim.content) {
    claim.salt = random_id<Salt>();
    claim.op.content_digest = content_digest(claim.salt, *claim.content);
  }
  if (const auto broken = check_form(claim, claim.op.document)) {
    return fail(Errc::usage, "the " + std::string(to_string(claim.op.kind)) +
                                 " cannot be signed: it would be refused as " + std::string(to_string(*broken)));
  }
  const OpId id = id_of(claim.op);
  claim.signature = identity.sign(id);
  return VerifiedOp(std::move(claim), id);
}

}  // namespace musher
