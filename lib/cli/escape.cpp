#include "cli/escape.hpp"

#include <fmt/format.h>
#include <locale.h>

#include <cstdint>
#include <cwchar>

#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kQuotedBytes = 200;
constexpr std::size_t kMessageBytes = 2'000;

struct Character {
  std::size_t bytes = 0;  ///< 0: the text starts with a byte that is not UTF-8
  char32_t code = 0;
};

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

std::size_t columns_of(char32_t code) {
  if (code < 0x80) return 1;
  // wcwidth answers for the locale in force: ours is UTF-8 whatever the user's is. Made once, never freed.
  static const locale_t kUtf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (kUtf8 == nullptr) return 1;
  const locale_t before = uselocale(kUtf8);
  const int width = wcwidth(static_cast<wchar_t>(code));
  uselocale(before);
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

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

std::size_t display_width(std::string_view escaped) {
  std::size_t columns = 0;
  while (!escaped.empty()) {
    const Character character = first_character(escaped);
    columns += character.bytes > 0 ? columns_of(character.code) : 1;
    escaped.remove_prefix(character.bytes > 0 ? character.bytes : 1);
  }
  return columns;
}

std::string cut(std::string_view escaped, std::size_t columns) {
  if (columns == 0 || display_width(escaped) <= columns) return std::string(escaped);
  std::string result;
  std::size_t used = 1;  // the ellipsis
  while (!escaped.empty()) {
    const Character character = first_character(escaped);
    const std::size_t bytes = character.bytes > 0 ? character.bytes : 1;
    used += character.bytes > 0 ? columns_of(character.code) : 1;
    if (used > columns) break;
    result += escaped.substr(0, bytes);
    escaped.remove_prefix(bytes);
  }
  return result + "…";
}

std::string message_text(std::string_view text) {
  if (text.size() <= kMessageBytes) return escape(text);
  // Not through the middle of a character.
  std::size_t head = kMessageBytes / 2;
  while (head > 0 && is_continuation(text[head])) --head;
  std::size_t tail = text.size() - kMessageBytes / 2;
  while (tail < text.size() && is_continuation(text[tail])) ++tail;
  return fmt::format("{} … ({} bytes left out) … {}", escape(text.substr(0, head)), tail - head,
                     escape(text.substr(tail)));
}

std::string quote(std::string_view text) {
  if (text.size() <= kQuotedBytes) return fmt::format("'{}'", escape(text));
  std::size_t end = kQuotedBytes;
  // Not through the middle of a character, which has at most three bytes after its first.
  while (end > kQuotedBytes - 3 && is_continuation(text[end])) --end;
  return fmt::format("'{}…' ({} bytes)", escape(text.substr(0, end)), text.size());
}

}  // namespace musher
