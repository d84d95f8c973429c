#pragma once
// Why an op is refused: the names of the validity rules of docs/format.md.

#include <cstdint>
#include <string_view>

namespace musher {

enum class Reject : std::uint8_t {
  malformed,           ///< the canonical bytes do not parse: short, long, or a length field lies
  unknown_version,     ///< a format version this program does not know
  unknown_kind,        ///< a kind this format does not have
  wrong_document,      ///< an op of another document
  oversized,           ///< more than 64 parents, 128 bytes of name or actor, 1 MiB of content, JSON depth 32
  bad_name,            ///< name not allowed for this kind, not UTF-8, with control characters, or `story_id` as a field
  bad_actor,           ///< actor not UTF-8 or with control characters
  bad_parents,         ///< parents not strictly ascending, or one is zero
  bad_fields,          ///< a field that must be zero is not, must not be zero and is, or a counter past 2^63-1
  bad_content,         ///< content is not canonical JSON, not of the shape this kind has, or has no salt
  content_missing,     ///< a content digest, but neither content nor an erase of this op
  content_unexpected,  ///< content without a content digest, or a salt without content
  digest_mismatch,     ///< the content is not what the content digest was made of
  id_mismatch,         ///< the op id is not the digest of the canonical bytes
  bad_author_key,      ///< the author is not a canonical point of prime order
  bad_signature,       ///< the signature does not hold for this author and op id
  prev_mismatch,       ///< prev is by another author, or its index is not one less
  target_mismatch,     ///< the target is not an op of the kind this op needs
  story_mismatch,      ///< a purge that names another story than its target's
  seq_out_of_bounds,   ///< above the op's depth (a seq of 0, or an erase's other than 0, is bad_fields)
};

/// The stable snake_case name, as in JSON output and docs/format.md.
[[nodiscard]] std::string_view to_string(Reject reject);

}  // namespace musher
