#include "model/text.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace musher {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

constexpr std::uint64_t kHighBits = 0x8080808080808080;

std::uint64_t load8(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// The bytes of the well-formed sequence at the front of text (Unicode 15, table 3-7), which begins with a byte from
// 0x80 on; 0 when ill-formed.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint8_t lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2, 0x80, 0xBF) && continues(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

struct Range {
  char32_t first, last;
};
// Unicode 15: White_Space, and the empty Braille pattern.
constexpr Range kBlanks[] = {{0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                             {0x202F, 0x202F}, {0x205F, 0x205F}, {0x2800, 0x2800}, {0x3000, 0x3000}};
// Default_Ignorable_Code_Point: what shows nothing by itself.
constexpr Range kInvisible[] = {
    {0xAD, 0xAD},     {0x034F, 0x034F}, {0x061C, 0x061C},   {0x115F, 0x1160},   {0x17B4, 0x17B5},  {0x180B, 0x180F},
    {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},  {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};

bool within(char32_t code, std::span<const Range> ranges) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return code >= range.first && code <= range.last; });
}

// Of well-formed UTF-8.
char32_t code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
  if (byte(0) < 0x80) return byte(0);
  const std::size_t length = sequence_length(text.substr(at));
  char32_t code = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3FU);
  return code;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// Edit distance with transpositions of neighbours (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string hex(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    hex[2 * i] = kDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return hex;
}

bool from_hex(std::string_view hex, std::span<std::uint8_t> out) {
  if (hex.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (text.size() >= 8 && (load8(text.data()) & kHighBits) == 0) {
      text.remove_prefix(8);
    } else if (static_cast<std::uint8_t>(text.front()) < 0x80) {
      text.remove_prefix(1);
    } else {
      const std::size_t length = sequence_length(text);
      if (length == 0) return false;
      text.remove_prefix(length);
    }
  }
  return true;
}

bool is_plain_utf8(std::string_view text) {
  if (!is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    if (byte == 0xC2 && static_cast<std::uint8_t>(text[i + 1]) < 0xA0) return false;  // U+0080..U+009F
  }
  return true;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kHarmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:@%,";
  if (!text.empty() && text.find_first_not_of(kHarmless) == text.npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string shell_operand(std::string_view text) { return (text.starts_with('-') ? "-- " : "") + shell_word(text); }

bool is_visible(std::string_view text) {
  if (!is_utf8(text)) return false;
  bool seen = false, blank_start = false, blank_end = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t code = code_point(text, at);
    blank_end = within(code, kBlanks);
    seen = seen || (!blank_end && !within(code, kInvisible));
    if (at == 0) blank_start = blank_end;
    at += code < 0x80 ? 1 : sequence_length(text.substr(at));
  }
  return seen && !blank_start && !blank_end;
}

std::vector<std::string> nearest(std::string_view word, std::span<const std::string> candidates, std::size_t limit) {
  if (word.empty()) return {};
  struct Near {
    std::size_t distance;
    const std::string* text;
  };
  std::vector<Near> found;
  const std::size_t reach = std::max<std::size_t>(2, word.size() / 3);
  const std::string sought = lower(word);
  for (const std::string& text : candidates) {
    if (text.empty()) continue;
    const std::string candidate = lower(text);
    const bool contains = candidate.find(sought) != std::string::npos || sought.find(candidate) != std::string::npos;
    const std::size_t shorter = std::min(word.size(), candidate.size());
    const std::size_t longer = std::max(word.size(), candidate.size());
    if (!contains && longer - shorter > reach) continue;
    const std::size_t distance = contains ? longer - shorter : edit_distance(sought, candidate);
    if (contains || (distance <= reach && distance < longer)) found.push_back({distance, &text});
  }
  std::ranges::sort(found, [](const Near& a, const Near& b) {
    return a.distance != b.distance ? a.distance < b.distance : *a.text < *b.text;
  });
  std::vector<std::string> names;
  for (const Near& near : found) {
    if (names.size() == limit) break;
    if (names.empty() || names.back() != *near.text) names.push_back(*near.text);
  }
  return names;
}

}  // namespace musher
