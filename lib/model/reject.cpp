#include "model/reject.hpp"

namespace musher {

std::string_view to_string(Reject reject) {
  switch (reject) {
    case Reject::malformed: return "malformed";
    case Reject::unknown_version: return "unknown_version";
    case Reject::unknown_kind: return "unknown_kind";
    case Reject::wrong_document: return "wrong_document";
    case Reject::oversized: return "oversized";
    case Reject::bad_name: return "bad_name";
    case Reject::bad_actor: return "bad_actor";
    case Reject::bad_parents: return "bad_parents";
    case Reject::bad_fields: return "bad_fields";
    case Reject::bad_content: return "bad_content";
    case Reject::content_missing: return "content_missing";
    case Reject::content_unexpected: return "content_unexpected";
    case Reject::digest_mismatch: return "digest_mismatch";
    case Reject::id_mismatch: return "id_mismatch";
    case Reject::bad_author_key: return "bad_author_key";
    case Reject::bad_signature: return "bad_signature";
    case Reject::prev_mismatch: return "prev_mismatch";
    case Reject::target_mismatch: return "target_mismatch";
    case Reject::story_mismatch: return "story_mismatch";
    case Reject::seq_out_of_bounds: return "seq_out_of_bounds";
  }
  return "malformed";
}

}  // namespace musher
