#include "model/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kQuotedBytes = 200;

constexpr bool between(char32_t code, char32_t first, char32_t last) { return code >= first && code <= last; }

/// Characters that have no glyph of their own, or turn the direction of others.
bool is_unseen(char32_t code) {
  return between(code, 0x80, 0x9F) ||         // C1 controls
         code == 0xAD ||                      // soft hyphen
         code == 0x34F ||                     // combining grapheme joiner
         code == 0x61C ||                     // Arabic letter mark
         between(code, 0x115F, 0x1160) ||     // Hangul fillers
         between(code, 0x17B4, 0x17B5) ||     // Khmer inherent vowels
         between(code, 0x180B, 0x180F) ||     // Mongolian selectors and separator
         between(code, 0x200B, 0x200F) ||     // zero-width characters, left-to-right and right-to-left marks
         between(code, 0x2028, 0x202E) ||     // line and paragraph separators, bidi embeddings and overrides
         between(code, 0x2060, 0x206F) ||     // word joiner, invisible operators, bidi isolates
         code == 0x3164 || code == 0xFFA0 ||  // Hangul fillers
         between(code, 0xFE00, 0xFE0F) ||     // variation selectors
         code == 0xFEFF ||                    // byte order mark
         between(code, 0xFFF9, 0xFFFB) ||     // interlinear annotations
         between(code, 0x1BCA0, 0x1BCA3) ||   // shorthand format controls
         between(code, 0x1D173, 0x1D17A) ||   // musical controls
         between(code, 0xE0000, 0xE0FFF);     // tags and selectors
}

/// A byte of a UTF-8 character after its first.
bool is_continuation(char byte) { return (static_cast<std::uint8_t>(byte) & 0xC0) == 0x80; }

/// The last place up to `most` that is not in the middle of a character, which has at most three bytes after its first.
std::size_t cut_before(std::string_view text, std::size_t most) {
  const std::size_t least = most - std::min<std::size_t>(most, 3);
  while (most > least && is_continuation(text[most])) --most;
  return most;
}

}  // namespace

Character first_character(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (!is_utf8(text.substr(0, length))) continue;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    if (length == 1) return {1, byte(0)};
    char32_t code = byte(0) & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3Fu);
    return {length, code};
  }
  return {};
}

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::size_t bytes = character.bytes > 0 ? character.bytes : 1;
    const auto byte = static_cast<std::uint8_t>(text.front());
    if (character.bytes == 0 || byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else if (is_unseen(character.code)) {
      result += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(character.code));
    } else {
      result += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return result;
}

std::string shortened_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  return std::string(text.substr(0, cut_before(text, most))) + "…";
}

std::string message_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return escape(text);
  const std::size_t head = cut_before(text, most / 2);
  std::size_t tail = text.size() - most / 2;
  while (tail < text.size() && is_continuation(text[tail])) ++tail;
  return fmt::format("{} … ({} bytes left out) … {}", escape(text.substr(0, head)), tail - head,
                     escape(text.substr(tail)));
}

std::string quote(std::string_view text) {
  if (text.size() <= kQuotedBytes) return fmt::format("'{}'", escape(text));
  return fmt::format("'{}' ({} bytes)", escape(shortened_text(text, kQuotedBytes)), text.size());
}

std::string candidates_text(const Error& error) {
  if (error.candidates.empty()) return "";
  std::string words;
  for (std::size_t i = 0; i < error.candidates.size(); ++i) {
    if (i > 0) words += i + 1 == error.candidates.size() ? " or " : ", ";
    words += quote(error.candidates[i]);
  }
  return error.code == Errc::ambiguous ? "; it could be " + words : "; did you mean " + words + "?";
}

}  // namespace musher
