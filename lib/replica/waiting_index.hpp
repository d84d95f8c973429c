#pragma once
// What the ops in quarantine wait for, kept between transactions: most ops that come have nothing to do with them, and
// need not make anybody look at all of them.

#include <cstdint>
#include <vector>

#include "oplog/op_log.hpp"

namespace musher {

class WaitingIndex {
 public:
  /// Makes it fit the quarantine as it is now. Cost: nothing when only those who told it have changed it.
  Result<void> refresh(LogReader& log);
  /// An op was put there.
  void add(const Op& op);
  /// What the quarantine looks like is known: all of it was added here. Call once that is durable.
  void changed_to(const QuarantineExtent& extent) { extent_ = extent; }
  /// Ops have left it: what is kept is more than there is.
  void forget() { extent_.reset(); }

  /// Something there may depend on this op. False: nothing does.
  [[nodiscard]] bool may_be_needed(const OpId& id) const;

 private:
  /// 1 MiB: of a quarantine of ops with 64 parents each one bit in twelve.
  static constexpr std::size_t kBits = 1U << 23U;
  [[nodiscard]] static std::size_t bit_of(const OpId& id) { return IdHash{}(id) % kBits; }

  std::vector<bool> needed_;
  std::optional<QuarantineExtent> extent_;
  std::size_t added_ = 0;  ///< since it was made
};

}  // namespace musher
