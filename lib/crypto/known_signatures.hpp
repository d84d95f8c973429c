#pragma once
// Signatures that were found to hold, for a process that looks at the same ops again and again.

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "model/ids.hpp"

namespace musher {

/// Remembers whole signatures, not just that an op had a good one: a row whose signature was changed is not known. Has
/// room for `most`; when it is full all are forgotten. Any thread.
class KnownSignatures {
 public:
  explicit KnownSignatures(std::size_t most) : most_(most) {}

  [[nodiscard]] bool has(const OpId& id, const Signature& signature) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_op_.find(id);
    return found != by_op_.end() && found->second == signature;
  }
  /// `signature` was checked, and holds for `id`, of which the author is a part.
  void add(const OpId& id, const Signature& signature) {
    const std::lock_guard lock(mutex_);
    if (by_op_.size() >= most_) by_op_.clear();
    by_op_.insert_or_assign(id, signature);
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<OpId, Signature, IdHash> by_op_;
};

}  // namespace musher
