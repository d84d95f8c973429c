#pragma once
// How wide text is on a terminal.

#include <cstddef>
#include <string>
#include <string_view>

namespace musher {

/// Columns that escaped text takes on a terminal: wide characters 2, combining marks 0.
[[nodiscard]] std::size_t display_width(std::string_view escaped);

/// Escaped text cut to at most this many columns; what was cut ends in "…", which is one of them. 0 means no limit.
[[nodiscard]] std::string cut(std::string_view escaped, std::size_t columns);

}  // namespace musher
