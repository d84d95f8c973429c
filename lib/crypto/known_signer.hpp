#pragma once
// Verifies the signatures of one author about three times as fast as libsodium, from a table of multiples of the key.
// docs/decisions/0011 says why this is ours.

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "crypto/edwards25519.hpp"
#include "crypto/signature_scalars.hpp"
#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

/// j * 64^i * P for j of 1 to 32 and every i that a scalar has, so that a product is a sum of 43 of them: 165 KB, made
/// in about 0.6 ms.
class Multiples {
 public:
  explicit Multiples(CurvePoint point);

  /// `sum` plus scalar * P, or minus it. Precondition: the scalar is below 2^253.
  [[nodiscard]] CurvePoint add(CurvePoint sum, const Scalar& scalar, bool negative = false) const;

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kDigits = 43;  // of 6 bits, in 253 and the carry
  static constexpr int kMost = 1 << (kBits - 1);

  std::array<std::array<AddendPoint, kMost>, kDigits> windows_;
};

[[nodiscard]] inline bool has_r(const Signature& signature, const std::array<std::uint8_t, 32>& r) {
  return std::equal(r.begin(), r.end(), signature.bytes.begin());
}

class KnownSigner {
 public:
  /// Precondition: is_author_key(author).
  explicit KnownSigner(const AuthorId& author);

  /// The R that a good signature over `id` with this s has: sB - hA. Nothing when no signature with this R or s is
  /// good.
  [[nodiscard]] std::optional<CurvePoint> expected_r(const OpId& id, const Signature& signature) const;

  /// What signature_holds says of this author's signature, computed here and not by libsodium.
  [[nodiscard]] bool holds(const OpId& id, const Signature& signature) const;

 private:
  AuthorId author_;
  std::unique_ptr<const Multiples> key_;
};

/// The authors of whom a process has checked many signatures. Safe to call from several threads.
class KnownSigners {
 public:
  static constexpr std::size_t kMostTables = 64;     ///< 10.5 MB
  static constexpr std::size_t kMostCounted = 4096;  ///< authors
  /// Signatures of an author until there is a table, which takes as long to make as checking 16 without one.
  static constexpr std::uint64_t kWorthATable = 32;
  /// Signatures of others since the last of an author, after which another may take the place.
  static constexpr std::uint64_t kUnused = 4096;

  static KnownSigners& of_process();

  /// Counts a signature. Nothing for an author who has no table yet, or for whom there is no room.
  /// Precondition: is_author_key(author).
  [[nodiscard]] std::shared_ptr<const KnownSigner> find(const AuthorId& author);

 private:
  struct Author {
    std::uint64_t asked = 0;
    std::uint64_t last = 0;  // asked_ at that time
    std::shared_ptr<const KnownSigner> signer;
  };

  Author& count(const AuthorId& author);
  bool has_room();

  std::mutex mutex_;
  std::unordered_map<AuthorId, Author, IdHash> authors_;
  std::size_t tables_ = 0;  // made, or being made
  std::uint64_t asked_ = 0;
};

/// Whether KnownSigner answers by the rule of signature.hpp on the vectors of its self-test; asked once a process.
/// @errors internal: it does not; names the vector.
[[nodiscard]] Result<void> known_signer_self_test();

}  // namespace musher
