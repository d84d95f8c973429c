#pragma once
// The text of --help, from what was declared: 80 columns, one block an option.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.hpp"

namespace musher {

struct HelpText {
  std::string program;
  std::string summary;
  std::vector<std::string> usage;  ///< each without the program; empty: made from the positional arguments
  std::vector<std::string> paragraphs;
  std::vector<std::pair<std::string, std::string>> examples;  ///< the command, what it does
};

/// Usage, summary, arguments, options under their headings in the order declared, paragraphs, examples.
[[nodiscard]] std::string render_help(const HelpText& text, const std::vector<OptionInfo>& options);

/// "a, b, c"
[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view separator);

/// "-l, --log FILE" or "STORY...": how help and messages show it.
[[nodiscard]] std::string label(const OptionInfo& option);

}  // namespace musher
