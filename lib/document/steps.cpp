#include "document/steps.hpp"

#include <algorithm>
#include <cassert>

namespace musher {
namespace {

constexpr std::size_t kMaxStepBytes = 10;  // two LEB128 numbers of 32 bits

void put(std::vector<std::uint8_t>& out, std::uint32_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<std::uint8_t>(number | 0x80));
  out.push_back(static_cast<std::uint8_t>(number));
}

std::uint32_t take(const std::uint8_t*& in) {
  std::uint32_t number = 0;
  for (int shift = 0;; shift += 7) {
    const std::uint8_t byte = *in++;
    number |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
}

}  // namespace

void Steps::add(std::uint32_t from, std::uint32_t value) {
  assert(size_ == 0 || (from > last_.from && value > last_.value));
  if (size_ % kStride == 0) {
    marks_.push_back({{from, value}, static_cast<std::uint32_t>(deltas_.size())});
  } else {
    // Doubling would cost up to twice the bytes; a quarter keeps growing amortised.
    if (deltas_.capacity() - deltas_.size() < kMaxStepBytes) {
      deltas_.reserve(deltas_.size() + deltas_.size() / 4 + 2 * kMaxStepBytes);
    }
    put(deltas_, from - last_.from);
    put(deltas_, value - last_.value);
  }
  last_ = {from, value};
  ++size_;
}

std::uint32_t Steps::at(std::uint32_t number) const {
  if (size_ != 0 && number >= last_.from) return last_.value;
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), number,
                                      [](std::uint32_t wanted, const Mark& mark) { return wanted < mark.step.from; });
  if (after == marks_.begin()) return kNothing;
  Step step = std::prev(after)->step;
  const std::uint8_t* in = deltas_.data() + std::prev(after)->offset;
  const std::uint8_t* const end = deltas_.data() + (after == marks_.end() ? deltas_.size() : after->offset);
  while (in != end) {
    const std::uint32_t from = step.from + take(in);
    const std::uint32_t value = step.value + take(in);
    if (from > number) break;
    step = {from, value};
  }
  return step.value;
}

}  // namespace musher
