#pragma once
// Untrusted text (story names, peers' words, argv) made safe for a terminal and for whoever reads a message: nothing in
// it can move the cursor, change colours or turn the reading direction, and it is no longer than one reads.

#include <cstddef>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher {

/// Printable UTF-8 stays as it is. Control bytes, DEL and bytes that are not UTF-8 become `\xNN`; C1 controls, bidi
/// controls, line and paragraph separators, zero-width and other invisible characters become `\u{...}`.
/// The result is UTF-8, one line, and escaping it again changes nothing: a backslash stays, so that text may
/// look escaped that never was.
[[nodiscard]] std::string escape(std::string_view text);

/// The character that a text begins with.
struct Character {
  std::size_t bytes = 0;  ///< 0: the text starts with a byte that is not UTF-8
  char32_t code = 0;
};
[[nodiscard]] Character first_character(std::string_view text);

/// Text cut between characters to this many bytes, with an ellipsis behind; as it is when it is no longer.
[[nodiscard]] std::string shortened_text(std::string_view text, std::size_t most);

/// A message for people, escaped, of which the middle is left out when it is over `most` bytes: whatever a name in it
/// was made of, its beginning and end can be read.
[[nodiscard]] std::string message_text(std::string_view text, std::size_t most = 2'000);

/// Text as a message quotes it: escaped, in single quotes, and when it is over about 200 bytes only its beginning and
/// its size: 'aaaa…' (1048576 bytes).
[[nodiscard]] std::string quote(std::string_view text);

/// What an error's message ends with where it has candidates: "; did you mean 'stage' or 'stages'?", or of a prefix ";
/// it could be 'a1' or 'a2'". Escaped.
[[nodiscard]] std::string candidates_text(const Error& error);

}  // namespace musher
