#pragma once
// Untrusted text (story names, peers' words, argv) made safe for a terminal: nothing in it can move the cursor, change
// colours or turn the reading direction.

#include <cstddef>
#include <string>
#include <string_view>

namespace musher {

/// Printable UTF-8 stays as it is. Control bytes, DEL and bytes that are not UTF-8 become `\xNN`; C1 controls, bidi
/// controls, line and paragraph separators, zero-width and other invisible characters become `\u{...}`.
/// The result is UTF-8, one line, and escaping it again changes nothing: a backslash stays, so that text may
/// look escaped that never was.
[[nodiscard]] std::string escape(std::string_view text);

/// Columns that escaped text takes on a terminal: wide characters 2, combining marks 0.
[[nodiscard]] std::size_t display_width(std::string_view escaped);

/// Escaped text cut to at most this many columns; what was cut ends in "…", which is one of them. 0 means no limit.
[[nodiscard]] std::string cut(std::string_view escaped, std::size_t columns);

/// A message for people, escaped, of which the middle is left out when it is over about 2,000 bytes: whatever a name in
/// it was made of, its beginning and end can be read.
[[nodiscard]] std::string message_text(std::string_view text);

/// Text as a message quotes it: escaped, in single quotes, and when it is over about 200 bytes only its beginning and
/// its size: 'aaaa…' (1048576 bytes).
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace musher
