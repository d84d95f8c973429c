#pragma once
// The canonical bytes of an op: docs/format.md, "Layout". What an op id hashes.

#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "model/op.hpp"
#include "model/reject.hpp"

namespace musher {

inline constexpr std::size_t kFixedOpBytes = 173;  ///< before parents, name and actor
inline constexpr std::size_t kMaxOpBytes = kFixedOpBytes + kMaxParents * 32 + kMaxNameBytes + kMaxActorBytes;

/// How many bytes the op's layout has.
[[nodiscard]] inline std::size_t canonical_size(const Op& op) {
  return kFixedOpBytes + op.parents.size() * sizeof(OpId) + op.name.size() + op.actor.size();
}

/// Lays the op out. Precondition: at most 255 parents, name and actor at most 255 bytes (check_form refuses more than
/// the format allows).
[[nodiscard]] std::vector<std::uint8_t> canonical_bytes(const Op& op);

/// The same into a buffer that is reused; out is replaced.
void canonical_bytes(const Op& op, std::vector<std::uint8_t>& out);

/// Reads canonical bytes. The exact inverse: canonical_bytes(*parse_canonical_bytes(b)) == b for every b it accepts.
/// @errors unknown_version, unknown_kind, malformed. Nothing else is checked here.
[[nodiscard]] std::expected<Op, Reject> parse_canonical_bytes(std::span<const std::uint8_t> bytes);

}  // namespace musher
