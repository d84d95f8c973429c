#pragma once
// Whose clock runs ahead of this machine's: times order nothing here, but what people see of such an op is wrong. Each
// such author is told of once.

#include <cstdint>
#include <functional>
#include <set>

#include "model/op.hpp"

namespace musher {

class ClocksAhead {
 public:
  /// by_ms: how far ahead.
  using Tell = std::function<void(const AuthorId&, const OpId&, std::int64_t by_ms)>;

  explicit ClocksAhead(Tell tell) : tell_(std::move(tell)) {}

  /// An op of an author who is heard came from elsewhere. now_ms: of this machine's clock.
  void came(const OpId& id, const Op& op, std::int64_t now_ms);

 private:
  const Tell tell_;
  std::set<AuthorId> told_;  ///< no more than are trusted
};

}  // namespace musher
