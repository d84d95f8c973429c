#pragma once
// Small text work that several modules share: hex, UTF-8, suggestions.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace musher {

/// Lower-case hex.
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);
/// Fills out from exactly 2 * out.size() hex digits (either case); false and out unspecified otherwise.
[[nodiscard]] bool from_hex(std::string_view hex, std::span<std::uint8_t> out);

/// Well-formed UTF-8: no overlong forms, surrogates or code points past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);
/// Well-formed UTF-8 without control characters (U+0000..U+001F, U+007F..U+009F).
[[nodiscard]] bool is_plain_utf8(std::string_view text);

/// One word of a command line that a person can paste: quoted for the shell when it has to be.
[[nodiscard]] std::string shell_word(std::string_view text);

/// The same for an operand: one that begins with '-' comes after "--", so that it is not taken for an option.
[[nodiscard]] std::string shell_operand(std::string_view text);

/// Well-formed UTF-8 in which somebody sees something, and no blank at either end that nobody sees.
[[nodiscard]] bool is_visible(std::string_view text);

/// The candidates most like the word (upper and lower case of ASCII alike), nearest first, at most limit. Near: edit
/// distance (with transpositions) up to a
/// third of the word's length, at least 2, or one containing the other.
[[nodiscard]] std::vector<std::string> nearest(std::string_view word, std::span<const std::string> candidates,
                                               std::size_t limit = 3);

}  // namespace musher
