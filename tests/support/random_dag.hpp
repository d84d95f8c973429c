#pragma once
// Random signed ops that hang together: several authors, branches of one author, all kinds; dependencies first.

#include <optional>
#include <random>
#include <vector>

#include "crypto/verify.hpp"
#include "model/validity.hpp"

namespace musher::testing {

struct DagOp {
  VerifiedOp op;
  std::optional<Depth> depth{};  ///< absent: it breaks a rule about its dependencies, or depends on one that does
};

struct DagOptions {
  std::size_t ops = 30;
  std::uint8_t authors = 3;
  double branch = 0.1;  ///< of ops: goes on from an older op of its author, so that there are two branches
  double bad = 0;       ///< of ops: breaks a rule about its dependencies
  double erased = 0;    ///< of ops: an erase of an older op of the same author
};

/// By identity_of(1), identity_of(2) ...
[[nodiscard]] std::vector<DagOp> random_dag(std::mt19937_64& random, const DagOptions& options);

}  // namespace musher::testing
