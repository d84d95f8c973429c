#pragma once
// What Services::verify does with a batch, on whatever thread.

#include "sync/link.hpp"

namespace musher::sync {

[[nodiscard]] inline Services::Verified verify_all(const Verifier& verifier, std::vector<SignedOp> ops) {
  auto verdicts = verifier.verify_or_leave(ops);
  Services::Verified verified;
  verified.reserve(ops.size());
  for (std::size_t at = 0; at < ops.size(); ++at) {
    if (verdicts[at]) {
      verified.emplace_back(*std::move(verdicts[at]));
    } else {
      verified.emplace_back(std::unexpected(Services::Refused{std::move(ops[at]), verdicts[at].error()}));
    }
  }
  return verified;
}

}  // namespace musher::sync
