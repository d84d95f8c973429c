#pragma once
// What Services::verify does with a batch, on whatever thread.

#include "sync/link.hpp"

namespace musher::sync {

[[nodiscard]] inline Services::Verified verify_all(const Verifier& verifier, std::vector<SignedOp> ops) {
  Services::Verified verified;
  verified.reserve(ops.size());
  for (SignedOp& op : ops) {
    if (auto holds = verifier.verify_or_leave(op)) {
      verified.emplace_back(*std::move(holds));
    } else {
      verified.emplace_back(std::unexpected(Services::Refused{std::move(op), holds.error()}));
    }
  }
  return verified;
}

}  // namespace musher::sync
