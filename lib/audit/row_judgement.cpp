#include "audit/row_judgement.hpp"

#include <fmt/format.h>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kMaxCounted = 255;  // lengths in canonical bytes are one byte

/// The id of these fields; nothing when they have no canonical bytes.
std::optional<OpId> id_of(const Op& op) {
  if (op.parents.size() > kMaxCounted || op.name.size() > kMaxCounted || op.actor.size() > kMaxCounted)
    return std::nullopt;
  return op_id(canonical_bytes(op));
}

FindingCode code_of(Reject reject, const Op& op) {
  switch (reject) {
    case Reject::oversized: return FindingCode::limit_exceeded;
    case Reject::wrong_document: return FindingCode::wrong_document;
    case Reject::digest_mismatch: return FindingCode::digest_mismatch;
    case Reject::id_mismatch: return FindingCode::id_mismatch;
    case Reject::bad_author_key:
    case Reject::bad_signature: return FindingCode::signature_invalid;
    case Reject::bad_fields:
      if ((op.seq == Seq{0}) != (op.kind == OpKind::erase)) return FindingCode::seq_out_of_bounds;
      if (op.prev.is_zero() && raw(op.index) > 1) return FindingCode::prev_mismatch;
      if (!op.prev.is_zero() && op.index == OpIndex{1}) return FindingCode::index_back;
      return FindingCode::row_malformed;
    default: return FindingCode::row_malformed;
  }
}

std::string why(FindingCode code, Reject reject, const Op& op) {
  switch (code) {
    case FindingCode::limit_exceeded: return "is larger than the format allows";
    case FindingCode::wrong_document: return "belongs to another document";
    case FindingCode::digest_mismatch: return "holds another content than its author signed";
    case FindingCode::signature_invalid: return "has a signature that its author did not make";
    case FindingCode::seq_out_of_bounds:
      return fmt::format("has seq {}, which no {} may have", raw(op.seq), to_string(op.kind));
    case FindingCode::prev_mismatch: return fmt::format("has index {} and names no op before it", raw(op.index));
    case FindingCode::index_back: return "has index 1 and names an op before it";
    default: return fmt::format("breaks the rule {} of the format", to_string(reject));
  }
}

/// With a column changed since: who is right, the id that is stored or the id of the fields?
void judge_mismatch(const OpRow& row, const std::optional<OpId>& computed, const Verifier& verifier,
                    RowJudgement& verdict) {
  const AuthorId& author = row.op.op.author;
  if (computed && verifier.check_signature(author, *computed, row.op.signature)) {
    verdict.id = *computed;
    verdict.reliable = verdict.authentic = verdict.chain_holds = true;
    verdict.why = "is stored under an id that is not its own";
  } else {
    verdict.of_another_document = verifier.check_signature(author, row.id, row.op.signature);
    verdict.chain_holds = verdict.of_another_document;
    verdict.why = verdict.of_another_document ? "was changed after its author signed it, or is of another document"
                                              : "is not what its id was made of, and nobody signed it as it is";
  }
  if (computed) verdict.expected = to_hex(computed->hash);
  verdict.found = to_hex(row.id.hash);
}

}  // namespace

RowJudgement judge_row(const CheckedRow& checked, const Verifier& verifier) {
  RowJudgement verdict;
  if (const auto* malformed = std::get_if<MalformedRow>(&checked.row)) {
    verdict.id = malformed->id;
    verdict.code = FindingCode::row_malformed;
    verdict.why = fmt::format("cannot be an op ({}: {})", malformed->column, malformed->why);
    return verdict;
  }
  const OpRow& row = std::get<OpRow>(checked.row);
  verdict.id = row.id;
  if (!checked.reject) {
    verdict.reliable = verdict.authentic = verdict.chain_holds = true;
    return verdict;
  }
  const bool form = *checked.reject != Reject::id_mismatch && *checked.reject != Reject::bad_signature;
  const std::optional<OpId> computed = form ? id_of(row.op.op) : checked.computed_id;
  if (computed != row.id) {
    judge_mismatch(row, computed, verifier, verdict);
  } else {
    verdict.reliable = true;
    verdict.authentic = form && verifier.check_signature(row.op.op.author, row.id, row.op.signature);
    verdict.chain_holds = verdict.authentic;
  }
  verdict.code = code_of(*checked.reject, row.op.op);
  if (form || verdict.why.empty()) verdict.why = why(*verdict.code, *checked.reject, row.op.op);
  if (*verdict.code != FindingCode::id_mismatch) verdict.expected = verdict.found = std::nullopt;
  return verdict;
}

}  // namespace musher
