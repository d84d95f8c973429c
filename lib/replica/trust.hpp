#pragma once
// Changing whose ops are heard in this log.

#include <optional>
#include <string>

#include "replica/replica.hpp"

namespace musher {

struct TrustReport {
  AuthorRecord record;
  std::optional<AuthorRecord> before;  ///< what stood there until now; nothing when the author had no place on the list
  bool changed = false;                ///< false: it was so already
  std::uint64_t released = 0;          ///< quarantined ops that entered the log because of it
};

/// Lets an author's ops be heard, those that are in the log and those to come; with `eraser` also erase others'
/// content, or no longer. Needs no identity: who may write the file decides. Of an author who is on the list already,
/// `eraser` left out keeps that right as it is, and another name replaces the one it had.
/// @errors usage: no name, a name another author has, control characters; not an Ed25519 public key.  busy, io.
[[nodiscard]] Result<TrustReport> trust_add(Replica& replica, const AuthorId& author, const std::string& name,
                                            std::optional<bool> eraser = {});

/// Mutes the op `from` and what descends from it by prev; by default from the author's tip in this log on (that op
/// included). An author without ops here is muted entirely.
/// @errors not_found: no such author or op.  usage: the op is by another author.  busy, io.
[[nodiscard]] Result<TrustReport> trust_revoke(Replica& replica, const AuthorId& author, std::optional<OpId> from);

/// Finds an author by name, by a prefix of 6 or more hex digits of the key, or by a public key file.
/// @errors not_found (candidates), ambiguous (candidates), usage.
[[nodiscard]] Result<AuthorId> find_author(LogReader& log, const std::string& text);

}  // namespace musher
