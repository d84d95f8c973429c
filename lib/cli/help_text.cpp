#include "cli/help_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace musher {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kDescriptionColumn = 28;

/// Words broken into lines that end before kColumns; each line after the first begins with indent spaces.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t column) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > kColumns) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string described(const OptionInfo& option) {
  if (option.choices.empty()) return option.description;
  return option.description + ": " + joined(option.choices, ", ");
}

std::string block(const OptionInfo& option) {
  // An option without a short name is set where the long names are.
  const bool is_long_only = !option.is_positional && option.names.front().starts_with("--");
  std::string line = (is_long_only ? "      " : "  ") + label(option);
  if (line.size() + 2 > kDescriptionColumn) {
    line += '\n' + std::string(kDescriptionColumn, ' ');
  } else {
    line.resize(kDescriptionColumn, ' ');
  }
  return line + wrapped(described(option), kDescriptionColumn, kDescriptionColumn) + '\n';
}

std::string default_usage(const std::vector<OptionInfo>& options) {
  std::string usage = "[OPTION]...";
  for (const OptionInfo& option : options) {
    if (!option.is_positional) continue;
    usage += option.is_required ? " " + label(option) : " [" + label(option) + "]";
  }
  return usage;
}

}  // namespace

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string label(const OptionInfo& option) {
  std::string text = joined(option.names, ", ");
  if (!option.value.empty()) text += ' ' + option.value;
  if (option.is_positional && option.repeats) text += "...";
  return text;
}

std::string render_help(const HelpText& text, const std::vector<OptionInfo>& options) {
  std::vector<std::string> usage = text.usage;
  if (usage.empty()) usage.push_back(default_usage(options));
  std::string result;
  for (const std::string& arguments : usage) {
    result += fmt::format("{} {} {}\n", result.empty() ? "Usage:" : "      ", text.program, arguments);
  }
  result += '\n' + wrapped(text.summary, 0, 0) + '\n';

  std::vector<std::string> headings;
  for (const OptionInfo& option : options) {
    const std::string heading = option.is_positional ? "Arguments" : option.group;
    if (std::ranges::find(headings, heading) == headings.end()) headings.push_back(heading);
  }
  std::ranges::stable_partition(headings, [](const std::string& heading) { return heading == "Arguments"; });
  for (const std::string& heading : headings) {
    result += fmt::format("\n{}:\n", heading);
    for (const OptionInfo& option : options) {
      if ((option.is_positional ? "Arguments" : option.group) == heading) result += block(option);
    }
  }

  for (const std::string& paragraph : text.paragraphs) result += '\n' + wrapped(paragraph, 0, 0) + '\n';
  if (!text.examples.empty()) result += "\nExamples:\n";
  for (const auto& [command, what_it_does] : text.examples) {
    result += fmt::format("  {}\n      {}\n", command, wrapped(what_it_does, 6, 6));
  }
  return result;
}

}  // namespace musher
