#pragma once
// An identity: the Ed25519 key pair that signs a node's or a person's ops, and the file it lives in.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

/// Holds a secret key in guarded memory, wiped on destruction. Movable, not copyable.
class Identity {
 public:
  /// A new random key pair, in memory only.
  [[nodiscard]] static Identity generate();
  /// The key pair of a 32-byte seed: for tests and fixtures that need the same author each time.
  [[nodiscard]] static Identity from_seed(const std::array<std::uint8_t, 32>& seed);

  /// Reads a key file (docs/format.md, "Key file").
  /// @errors no_identity: missing, the public half alone, not a regular file, a symbolic link, wrong length or content,
  ///   public key does not match, readable by group or others (0440 owned by root is allowed: a mounted secret), or
  ///   owned by another user.
  [[nodiscard]] static Result<Identity> load(const std::filesystem::path& file);

  /// Writes a new key to file (0600, O_EXCL, O_NOFOLLOW) and its public half to file + ".pub" (0644); both and the
  /// folder are synced before this returns. Never overwrites.
  /// @errors refused: file or file.pub exists; of a public half without its secret it says what that means.  io:
  ///   nothing usable was left behind.
  [[nodiscard]] Result<void> save_new(const std::filesystem::path& file) const;

  [[nodiscard]] const AuthorId& author() const;
  /// Signs an op id (domain-separated, see docs/format.md).
  [[nodiscard]] Signature sign(const OpId& id) const;
  /// Signs a statement that is not an op: a state file or checkpoint. `domain` is at most 16 bytes and never that of
  /// ops.
  [[nodiscard]] Signature sign_statement(std::string_view domain, const Digest& digest) const;

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

 private:
  struct Secret;
  explicit Identity(std::unique_ptr<Secret> secret);
  std::unique_ptr<Secret> secret_;
};

/// Whether a statement's signature (Identity::sign_statement) holds.
[[nodiscard]] bool statement_holds(const AuthorId& author, std::string_view domain, const Digest& digest,
                                   const Signature& signature);

/// What to type for a new key at `file`; where the public half of a lost one is in the way, it is moved away first.
[[nodiscard]] std::string new_identity_command(const std::filesystem::path& file);

/// Reads the author from a public key file (file.pub) or from 64 hex digits.
/// @errors usage: neither.
[[nodiscard]] Result<AuthorId> read_public_key(const std::string& file_or_hex);

}  // namespace musher
