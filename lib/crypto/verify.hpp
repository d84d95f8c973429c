#pragma once
// From a claim to an op that may be judged by its dependencies: the only maker of VerifiedOp.

#include <expected>
#include <span>
#include <vector>

#include "crypto/identity.hpp"
#include "model/op.hpp"
#include "model/reject.hpp"

namespace musher {

/// Form, limits, content digest, op id and signature hold. Dependencies are not looked at.
class VerifiedOp {
 public:
  [[nodiscard]] const OpId& id() const { return id_; }
  [[nodiscard]] const Op& op() const { return signed_.op; }
  [[nodiscard]] const Signature& signature() const { return signed_.signature; }
  [[nodiscard]] const std::optional<std::string>& content() const { return signed_.content; }
  [[nodiscard]] const Salt& salt() const { return signed_.salt; }
  [[nodiscard]] const SignedOp& claim() const { return signed_; }

 private:
  VerifiedOp(SignedOp op, const OpId& id) : signed_(std::move(op)), id_(id) {}
  SignedOp signed_;
  OpId id_;
  friend class Verifier;
  friend Result<VerifiedOp> sign_op(const Identity&, Op, std::optional<std::string>);
};
static_assert(!std::is_constructible_v<VerifiedOp, SignedOp>);

/// Who computes whether a signature holds. Both answer alike; the second is for those who would rather not believe
/// that.
enum class SignatureCheck : std::uint8_t {
  known_signers,  ///< KnownSigner for authors of many ops; whatever it does not take, and all else, libsodium
  libsodium,      ///< libsodium alone
};

struct SignatureClaim {
  AuthorId author;
  OpId id;
  Signature signature;
};

/// Verifies ops of one document; the process remembers which author keys it has checked. Safe to call from several
/// threads.
class Verifier {
 public:
  /// The first one of a process tests the linked library first (verification_self_test), once.
  /// Throws std::runtime_error when it answers by another rule than musher's: such a process verifies nothing.
  explicit Verifier(const DocumentId& document, SignatureCheck check = SignatureCheck::known_signers);

  /// The rules of docs/format.md that need only the op itself, in their order.
  [[nodiscard]] std::expected<VerifiedOp, Reject> verify(SignedOp op) const {
    return std::move(verify_or_leave({&op, 1}).front());
  }
  /// The same for many, which is cheaper; takes those that hold and leaves the others.
  [[nodiscard]] std::vector<std::expected<VerifiedOp, Reject>> verify_or_leave(std::span<SignedOp> ops) const;

  /// The same without the signature (form, content digest): the op's id, to compare with the one it is stored under.
  [[nodiscard]] std::expected<OpId, Reject> check_unsigned(const SignedOp& op) const;

  /// The signature alone (author key and signature) over an id that check_unsigned returned.
  [[nodiscard]] bool check_signature(const AuthorId& author, const OpId& id, const Signature& signature) const {
    const SignatureClaim claim{author, id, signature};
    return check_signatures({&claim, 1}).front();
  }
  /// The same for many, which is cheaper.
  [[nodiscard]] std::vector<bool> check_signatures(std::span<const SignatureClaim> claims) const;

 private:
  DocumentId document_;
  SignatureCheck check_;
};

/// Makes an op: picks a salt, fills in author and content digest, signs. Content must be canonical JSON.
/// @errors usage: the op breaks a rule of form; what names it.
[[nodiscard]] Result<VerifiedOp> sign_op(const Identity& identity, Op op, std::optional<std::string> content);

}  // namespace musher
