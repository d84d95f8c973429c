#pragma once
// A command's arguments and options: declared once, bound to variables, read strictly, and shown by --help.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/result.hpp"

namespace musher {

/// What a command line turned out to ask for.
enum class Parsed : std::uint8_t { run, help, version };

/// An option or positional argument as --help, completions and manual pages name it.
struct OptionInfo {
  std::vector<std::string> names;  ///< "-l" and "--log"; of a positional its one name, "STORY"
  std::string value;               ///< "FILE"; empty for a flag or a positional
  std::string description;
  std::vector<std::string> choices{};  ///< every value it may have; empty when any text will do
  std::string group{};                 ///< the heading it stands under in --help
  bool is_positional = false;
  bool is_required = false;  ///< positionals only
  bool repeats = false;
};

/// Declares options with names as in "-l,--log". A bound variable keeps its value when the option is not given, and
/// must live until parse() has returned. Options may stand before, between and after the positional arguments; `--`
/// ends them. Names are never abbreviated. -h, --help and --version are always there.
class CommandLine {
 public:
  /// program: "musher-put". summary: one line of what it does.
  CommandLine(std::string program, std::string summary);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  /// The options declared from here on stand under this heading in --help. It begins with "Options".
  void group(std::string heading);

  /// Given more than once it is still true.
  void flag(bool& value, std::string_view names, std::string description);

  // Each takes one value, as --name VALUE, --name=VALUE or -n VALUE, and only once.
  void option(std::string& value, std::string_view names, std::string value_name, std::string description);
  void option(std::optional<std::string>& value, std::string_view names, std::string value_name,
              std::string description);
  /// A whole number from 0.
  void option(std::optional<std::uint64_t>& value, std::string_view names, std::string value_name,
              std::string description);
  /// 500ms, 5s, 10m, 2h, 14d.
  void option(std::optional<std::chrono::milliseconds>& value, std::string_view names, std::string value_name,
              std::string description);
  /// One value each time, any number of times.
  void option(std::vector<std::string>& values, std::string_view names, std::string value_name,
              std::string description);
  /// Any other type: read turns the text into the value; its error becomes a usage error that names the option.
  void option(std::function<Result<void>(const std::string&)> read, std::string_view names, std::string value_name,
              std::string description);

  /// One of a few words. Value: an enum or std::optional of one.
  template <class Value, class Enum>
  void choice(Value& value, std::string_view names, std::vector<std::pair<std::string, Enum>> choices,
              std::string value_name, std::string description) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) words.push_back(word);
    choose(
        std::move(words), [&value, choices](std::size_t index) { value = choices[index].second; }, names,
        std::move(value_name), std::move(description));
  }

  // In the order they are declared; those that must be there come first, a list last.
  void positional(std::string& value, std::string name, std::string description);
  void positional(std::optional<std::string>& value, std::string name, std::string description);
  void positional(std::vector<std::string>& values, std::string name, std::string description,
                  bool at_least_one = false);

  /// Options that other commands have and this one has not, with the hint of the error for who gives one.
  void without(std::string_view names, std::string hint);

  /// At most one of these options may be given.
  void exclusive(std::vector<std::string> names);

  /// Replaces the arguments in the usage line of --help, "[OPTION]... STORY"; may be given more than once, a line each.
  void usage(std::string arguments);
  /// Text after the options: paragraphs, then each example under "Examples:".
  void paragraph(std::string text);
  void example(std::string command, std::string what_it_does);

  /// Replaces all of --help by this text.
  void replace_help(std::string text);

  /// Reads the arguments and sets the bound variables. With --help or --version among them nothing else counts.
  /// @errors usage: names the argument (cut and escaped when it is long or hostile), hints at --help, and has the known
  ///   options that an unknown one is near to as candidates. Some variables may have been set by then.
  [[nodiscard]] Result<Parsed> parse(int argc, const char* const* argv);

  /// The text of --help.
  [[nodiscard]] std::string help() const;
  /// All that was declared, --help and --version included.
  [[nodiscard]] std::vector<OptionInfo> options() const;

 private:
  void choose(std::vector<std::string> words, std::function<void(std::size_t)> set, std::string_view names,
              std::string value_name, std::string description);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace musher
