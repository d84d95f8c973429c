#include "cli/display_width.hpp"

#include <locale.h>

#include <cwchar>

#include "model/escape.hpp"

namespace musher {
namespace {

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

}  // namespace musher
