#pragma once
// Reading files with tokens, for the .cpp files of this module.

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace musher::http {

/// The bytes of a file with secrets, wiped when it goes.
class SecretText {
 public:
  explicit SecretText(std::size_t size) : bytes_(size) {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { explicit_bzero(bytes_.data(), bytes_.size()); }
  [[nodiscard]] std::span<std::uint8_t> bytes() { return bytes_; }
  [[nodiscard]] std::string_view first(std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()), size};
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// The next word of a line, which loses it; empty at the end.
inline std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kBlanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

/// token68 of RFC 9110, what may follow `Bearer`.
inline bool can_be_sent(std::string_view token) {
  return std::ranges::all_of(token, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

}  // namespace musher::http
