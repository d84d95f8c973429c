#pragma once
// Reading a short text from its front, piece by piece.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace musher {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : rest_(text) {}
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  /// Steps over this text; false, and nothing is stepped over, when another comes.
  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  /// As many digits as come, none included.
  std::string_view digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const std::string_view found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }

  /// Exactly this many digits; false, and value unspecified, when there are fewer.
  bool number(int& value, std::size_t width) {
    const std::string_view found = rest_.substr(0, width);
    if (found.size() != width || found.find_first_not_of("0123456789") != std::string_view::npos) return false;
    std::from_chars(found.data(), found.data() + width, value);
    rest_.remove_prefix(width);
    return true;
  }

 private:
  std::string_view rest_;
};

/// The number that these digits write; nothing when there are none, or too many for an int64.
[[nodiscard]] inline std::optional<std::int64_t> number_of(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool is_number = !digits.empty() && digits.front() != '-' && error == std::errc{};
  if (!is_number || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// The milliseconds that digits after a decimal point write; what is finer is dropped.
[[nodiscard]] inline std::int64_t fraction_ms(std::string_view digits) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return ms;
}

}  // namespace musher
