#pragma once
// Canonical JSON (RFC 8785 with musher's limits, docs/format.md "Content"): one byte form for each value.

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musher {

/// Why text is not JSON that musher stores, for people: "duplicate key \"stage\"", "it nests deeper than 32".
struct JsonProblem {
  std::string why;
};

/// Parses any JSON text and returns its canonical form.
[[nodiscard]] std::expected<std::string, JsonProblem> canonicalise(std::string_view json);

/// The first integer in a JSON text (spelled without fraction and exponent) that is past +-(2^53-1): its canonical form
/// would be another number. For what a person or a client writes; stored content cannot have one.
[[nodiscard]] std::optional<std::string_view> inexact_integer(std::string_view json);

/// True when text is its own canonical form.
[[nodiscard]] bool is_canonical(std::string_view text);

/// The canonical form of a JSON string with this text (well-formed UTF-8).
/// Problem: not UTF-8, or longer than 1 MiB.
[[nodiscard]] std::expected<std::string, JsonProblem> canonical_string(std::string_view text);

/// Reads back a canonical string value; nothing when the value is not a string.
[[nodiscard]] std::optional<std::string> string_value(std::string_view canonical);

/// Name and canonical value of each member of a canonical object, in the object's order. The names are unescaped.
/// Precondition: is_canonical(object) and it is an object; anything else gives an empty list.
using JsonMembers = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] JsonMembers members(std::string_view object);

/// The canonical object with these members, in any order. Problem: a name twice or not UTF-8, or the whole too long or
/// too deep.
[[nodiscard]] std::expected<std::string, JsonProblem> canonical_object(const JsonMembers& members);

}  // namespace musher
