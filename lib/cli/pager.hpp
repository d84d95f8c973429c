#pragma once
// Long answers for people, a screen at a time.

#include <string_view>

#include "cli/environment.hpp"
#include "cli/terminal.hpp"

namespace musher {

/// Writes text to out(): through $MUSHER_PAGER (empty: none) or $PAGER when out() is a terminal that the text is too
/// tall for, directly otherwise, and also when the pager cannot be started. Returns when the reader has left the pager;
/// leaving it early is no error. No lock may be held here: a person may read for hours.
void page(Terminal& terminal, const Environment& environment, std::string_view text);

}  // namespace musher
