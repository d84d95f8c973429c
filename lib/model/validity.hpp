#pragma once
// The validity rules of docs/format.md that need no key: those of the op alone, and those of the op and its
// dependencies.

#include <expected>
#include <optional>
#include <span>
#include <string>

#include "model/op.hpp"
#include "model/reject.hpp"

namespace musher {

/// Form: limits, names, zero rules, parents, and the content's form against its kind (canonical JSON, shape, presence).
/// Absent content with a non-zero content digest passes: whether it may be absent is a question to the log
/// (content_missing). Returns the first rule broken in the order of docs/format.md, or nothing.
[[nodiscard]] std::optional<Reject> check_form(const SignedOp& op, const DocumentId& document);

/// What the rules need to know of one dependency.
struct DependencyFacts {
  OpId id;
  OpKind kind{};
  AuthorId author;
  OpIndex index{};
  Depth depth{};
  std::string name;  ///< an insert's story id; else unused
};

/// The rules about dependencies, given the facts of every one of dependencies(op) (any order): prev, target, story,
/// seq. Returns the op's depth, or the first rule broken. Precondition: facts are complete.
[[nodiscard]] std::expected<Depth, Reject> check_dependencies(const Op& op, std::span<const DependencyFacts> facts);

}  // namespace musher
