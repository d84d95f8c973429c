#include "model/validity.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "model/canonical_json.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::uint64_t kMaxCounter = std::numeric_limits<std::int64_t>::max();

// The deepest nesting of brackets outside strings: defined for any bytes, and for JSON text its depth.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

bool is_content_kind(OpKind kind) { return kind == OpKind::insert || kind == OpKind::set; }

bool fits(const SignedOp& claim, bool canonical) {
  const Op& op = claim.op;
  if (op.parents.size() > kMaxParents || op.name.size() > kMaxNameBytes || op.actor.size() > kMaxActorBytes)
    return false;
  if (!claim.content) return true;
  return claim.content->size() <= kMaxContentBytes && (canonical || nesting(*claim.content) <= kMaxJsonDepth);
}

bool counters_and_zeros_are_right(const Op& op) {
  if (raw(op.index) < 1 || raw(op.index) > kMaxCounter || raw(op.seq) > kMaxCounter) return false;
  if (op.prev.is_zero() != (op.index == OpIndex{1})) return false;
  if ((op.seq == Seq{0}) != (op.kind == OpKind::erase)) return false;
  if (op.target.is_zero() && op.kind != OpKind::insert) return false;
  return !(op.content_digest.is_zero() && is_content_kind(op.kind));
}

bool parents_are_right(const Op& op) {
  if (!op.parents.empty() && op.parents.front().is_zero()) return false;
  return std::ranges::adjacent_find(op.parents, std::greater_equal<>{}) == op.parents.end();
}

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "story_id" && is_plain_utf8(name);
}

bool name_is_right(const Op& op) {
  switch (op.kind) {
    case OpKind::insert: return !op.name.empty() && is_plain_utf8(op.name);
    case OpKind::set: return is_field_name(op.name);
    case OpKind::tombstone: return is_plain_utf8(op.name);
    case OpKind::erase: return op.name.empty();
  }
  return false;
}

bool content_has_its_shape(OpKind kind, std::string_view canonical) {
  if (kind == OpKind::set) return true;
  if (!canonical.starts_with('{')) return false;
  const JsonMembers list = members(canonical);
  if (kind == OpKind::insert) {
    return std::ranges::all_of(list, [](const auto& member) { return is_field_name(member.first); });
  }
  return list.size() == 1 && list.front().first == "reason" && list.front().second.starts_with('"');
}

const DependencyFacts* find(std::span<const DependencyFacts> facts, const OpId& id) {
  const auto found = std::ranges::find(facts, id, &DependencyFacts::id);
  return found == facts.end() ? nullptr : &*found;
}

bool target_has_its_kind(const Op& op, const DependencyFacts* target) {
  if (target == nullptr) return op.kind == OpKind::insert && op.target.is_zero();
  return op.kind == OpKind::erase ? target->kind != OpKind::erase : target->kind == OpKind::insert;
}

}  // namespace

std::optional<Reject> check_form(const SignedOp& claim, const DocumentId& document) {
  const Op& op = claim.op;
  if (op.document != document) return Reject::wrong_document;
  const bool canonical = claim.content && is_canonical(*claim.content);
  if (!fits(claim, canonical)) return Reject::oversized;
  if (!counters_and_zeros_are_right(op)) return Reject::bad_fields;
  if (!parents_are_right(op)) return Reject::bad_parents;
  if (!name_is_right(op)) return Reject::bad_name;
  if (!is_plain_utf8(op.actor)) return Reject::bad_actor;
  const bool salted = claim.salt != Salt{};
  if (claim.content ? op.content_digest.is_zero() : salted) return Reject::content_unexpected;
  if (claim.content && (!salted || !canonical || !content_has_its_shape(op.kind, *claim.content))) {
    return Reject::bad_content;
  }
  return std::nullopt;
}

std::expected<Depth, Reject> check_dependencies(const Op& op, std::span<const DependencyFacts> facts) {
  if (!op.prev.is_zero()) {
    const DependencyFacts* prev = find(facts, op.prev);
    if (prev == nullptr || prev->author != op.author || prev->index != OpIndex{raw(op.index) - 1}) {
      return std::unexpected(Reject::prev_mismatch);
    }
  }
  const DependencyFacts* target = find(facts, op.target);
  if (!target_has_its_kind(op, target)) return std::unexpected(Reject::target_mismatch);
  if (op.is_purge() && target->name != op.name) return std::unexpected(Reject::story_mismatch);

  Depth deepest{0};
  for (const DependencyFacts& fact : facts) deepest = std::max(deepest, fact.depth);
  const Depth depth = next(deepest);
  const std::uint64_t highest = op.kind == OpKind::erase ? 0 : raw(depth);
  const std::uint64_t lowest = op.kind == OpKind::erase ? 0 : 1;
  if (raw(op.seq) < lowest || raw(op.seq) > highest) return std::unexpected(Reject::seq_out_of_bounds);
  return depth;
}

}  // namespace musher
