#pragma once
// rapidcheck inside Catch2: a failing property prints its smallest counterexample and the seed to run it again with
// (RC_PARAMS="seed=...").

#include <rapidcheck.h>

#include <cstdlib>
#include <string>

namespace musher::testing {

/// Checks a property on 300 generated cases, unless RC_PARAMS says otherwise.
template <class Property>
[[nodiscard]] bool holds(const std::string& sentence, Property&& property) {
  ::setenv("RC_PARAMS", "max_success=300", 0);
  return rc::check(sentence, std::forward<Property>(property));
}

}  // namespace musher::testing
