#pragma once
// The self-test of signature.hpp over any implementation of the rule, so that a test can show what each vector finds.

#include <functional>

#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

struct SignatureRule {
  std::function<bool(const AuthorId&)> is_author_key;
  std::function<bool(const AuthorId&, const OpId&, const Signature&)> signature_holds;
};

/// @errors internal: names the first vector on which `rule` differs from docs/format.md, "Signature".
[[nodiscard]] Result<void> check_signature_rule(const SignatureRule& rule);

}  // namespace musher
