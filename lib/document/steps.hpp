#pragma once
// A step function that only grows, in about two and a half bytes a step.

#include <cstdint>
#include <limits>
#include <vector>

namespace musher {

/// From which number on which value holds. Used by CausalIndex: from this op on, the branch knew that one up to there.
class Steps {
 public:
  static constexpr std::uint32_t kNothing = std::numeric_limits<std::uint32_t>::max();

  /// Precondition: both are above those of the last step.
  void add(std::uint32_t from, std::uint32_t value);
  /// The value of the last step with from <= number; kNothing before the first step.
  [[nodiscard]] std::uint32_t at(std::uint32_t number) const;
  /// Precondition: there is a step.
  [[nodiscard]] std::uint32_t last_value() const { return last_.value; }

 private:
  struct Step {
    std::uint32_t from = 0;
    std::uint32_t value = 0;
  };
  /// Every kStride-th step as it is, and where the steps after it begin in deltas_.
  struct Mark {
    Step step;
    std::uint32_t offset = 0;
  };
  static constexpr std::uint32_t kStride = 32;

  Step last_;
  std::uint32_t size_ = 0;
  std::vector<Mark> marks_;
  std::vector<std::uint8_t> deltas_;  // LEB128: from and value, each less the step before's
};

}  // namespace musher
