#include "crypto/verify.hpp"

#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <unordered_set>

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

/// is_author_key(author), asked once as long as it is remembered. A bad key is not: bytes that are no key can be chosen
/// to have one hash.
bool knows_author_key(const AuthorId& author) {
  static std::shared_mutex mutex;
  static std::unordered_set<AuthorId, IdHash> good_keys;
  {
    const std::shared_lock lock(mutex);
    if (good_keys.contains(author)) return true;
  }
  if (!is_author_key(author)) return false;
  const std::unique_lock lock(mutex);
  if (good_keys.size() >= kRememberedKeys) good_keys.clear();
  good_keys.insert(author);
  return true;
}

void require_good_library() {
  static const Result<void> tested = verification_self_test();
  if (!tested) throw std::runtime_error(tested.error().what);
}

}  // namespace

Verifier::Verifier(const DocumentId& document, SignatureCheck check) : document_(document), check_(check) {
  require_good_library();
}

std::vector<std::expected<VerifiedOp, Reject>> Verifier::verify_or_leave(std::span<SignedOp> ops) const {
  std::vector<std::expected<OpId, Reject>> ids;
  std::vector<SignatureClaim> claims;
  for (const SignedOp& op : ops) {
    ids.push_back(check_unsigned(op));
    if (ids.back()) claims.push_back({op.op.author, *ids.back(), op.signature});
  }
  const std::vector<bool> hold = check_signatures(claims);
  std::vector<std::expected<VerifiedOp, Reject>> verified;
  verified.reserve(ops.size());
  auto holds = hold.begin();
  for (std::size_t at = 0; at < ops.size(); ++at) {
    if (!ids[at]) {
      verified.emplace_back(std::unexpected(ids[at].error()));
    } else if (*holds++) {
      verified.emplace_back(VerifiedOp(std::move(ops[at]), *ids[at]));
    } else {
      const bool good_key = knows_author_key(ops[at].op.author);
      verified.emplace_back(std::unexpected(good_key ? Reject::bad_signature : Reject::bad_author_key));
    }
  }
  return verified;
}

std::expected<OpId, Reject> Verifier::check_unsigned(const SignedOp& op) const {
  if (const auto broken = check_form(op, document_)) return std::unexpected(*broken);
  if (op.content && content_digest(op.salt, *op.content) != op.op.content_digest) {
    return std::unexpected(Reject::digest_mismatch);
  }
  return id_of(op.op);
}

std::vector<bool> Verifier::check_signatures(std::span<const SignatureClaim> claims) const {
  std::vector<bool> hold(claims.size());
  std::vector<std::size_t> expected;  // of known signers: whose R is at the same place in `points`
  std::vector<CurvePoint> points;
  for (std::size_t at = 0; at < claims.size(); ++at) {
    const auto& [author, id, signature] = claims[at];
    if (!knows_author_key(author)) continue;
    if (check_ == SignatureCheck::known_signers) {
      const auto signer = KnownSigners::of_process().find(author);
      if (const auto point = signer ? signer->expected_r(id, signature) : std::nullopt) {
        expected.push_back(at);
        points.push_back(*point);
        continue;
      }
    }
    hold[at] = signature_holds(author, id, signature);
  }
  const std::vector<Field25519> inverses = inverse_zs(points);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [author, id, signature] = claims[expected[i]];
    hold[expected[i]] = has_r(signature, points[i].encode(inverses[i])) || signature_holds(author, id, signature);
  }
  return hold;
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
