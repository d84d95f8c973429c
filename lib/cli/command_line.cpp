#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/help_text.hpp"
#include "cli/split_arguments.hpp"
#include "cli/time_text.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

using Values = std::vector<std::string>;
using SetOne = std::function<Result<void>(const std::string&)>;
using SetAll = std::function<Result<void>(const Values&)>;

std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> result;
  while (!names.empty()) {
    const std::size_t comma = std::min(names.find(','), names.size());
    result.emplace_back(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return result;
}

Result<std::uint64_t> parse_count(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::usage, fmt::format("{} is not a whole number", quote(text)));
  }
  return value;
}

/// Values go in as they are; Text is std::string or std::optional of it.
template <class Text>
SetOne store_in(Text& value) {
  return [&value](const std::string& text) -> Result<void> {
    value = text;
    return {};
  };
}

SetAll store_all_in(Values& values) {
  return [&values](const Values& given) -> Result<void> {
    values = given;
    return {};
  };
}

SetAll first_to(SetOne set) {
  return [set = std::move(set)](const Values& values) { return set(values.front()); };
}

struct Declared {
  OptionInfo info;
  SetAll set;
  Values given{};  ///< in this command line; a flag's are empty, once each time
  [[nodiscard]] bool is_flag() const { return !info.is_positional && info.value.empty(); }
};

}  // namespace

struct CommandLine::Impl {
  HelpText help;
  std::optional<std::string> help_replacement;
  std::string group = "Options";
  std::vector<Declared> declared;
  std::vector<std::vector<std::string>> exclusive;
  std::vector<std::pair<std::string, std::string>> without;  ///< name and hint

  void declare(OptionInfo info, SetAll set) {
    info.group = group;
    declared.push_back({std::move(info), std::move(set)});
  }
  void declare_positional(std::string name, std::string description, bool is_required, bool repeats, SetAll set) {
    OptionInfo info{.names = {std::move(name)}, .value = {}, .description = std::move(description)};
    info.is_positional = true;
    info.is_required = is_required;
    info.repeats = repeats;
    declare(std::move(info), std::move(set));
  }

  [[nodiscard]] std::optional<OptionShape> shape_of(std::string_view name) const;
  [[nodiscard]] std::unexpected<Error> bad(std::string what, std::vector<std::string> candidates = {}) const;
  [[nodiscard]] std::unexpected<Error> unknown(std::string what, const std::string& name) const;
  [[nodiscard]] Values suggestions(const std::string& name) const;
  [[nodiscard]] Result<void> set(const Declared& one) const;

  // parse(), step by step: each has the Declareds' `given` from the one before
  [[nodiscard]] Result<Values> take_options(const Values& arguments);
  [[nodiscard]] Result<void> take_positionals(const Values& values);
  [[nodiscard]] Result<void> check_exclusive() const;
  [[nodiscard]] Result<void> set_all() const;
};

std::optional<OptionShape> CommandLine::Impl::shape_of(std::string_view name) const {
  for (std::size_t i = 0; i < declared.size(); ++i) {
    const Declared& one = declared[i];
    const bool is_it = !one.info.is_positional && std::ranges::find(one.info.names, name) != one.info.names.end();
    if (is_it) return OptionShape{i, !one.is_flag()};
  }
  return std::nullopt;
}

std::unexpected<Error> CommandLine::Impl::bad(std::string what, std::vector<std::string> candidates) const {
  return fail(Errc::usage, std::move(what), help.program + " --help", std::move(candidates));
}

std::unexpected<Error> CommandLine::Impl::unknown(std::string what, const std::string& name) const {
  const auto missed = std::ranges::find(without, name, &std::pair<std::string, std::string>::first);
  if (missed != without.end()) return fail(Errc::usage, std::move(what), missed->second);
  return bad(std::move(what), suggestions(name));
}

/// Known options near to an unknown one. "-x" is near to every short option, which helps nobody.
Values CommandLine::Impl::suggestions(const std::string& name) const {
  if (!name.starts_with("--")) return {};
  Values known = {"--help", "--version"};
  for (const Declared& one : declared) {
    if (!one.info.is_positional) known.insert(known.end(), one.info.names.begin(), one.info.names.end());
  }
  return nearest(name, known, 2);
}

Result<void> CommandLine::Impl::set(const Declared& one) const {
  auto done = one.set(one.given);
  if (done) return done;
  Error error = std::move(done).error();
  const std::string& name = one.info.names.back();
  error.what = fmt::format("{} {}: {}", one.info.is_positional ? "argument" : "option", name, error.what);
  if (error.hint.empty()) error.hint = help.program + " --help";
  return std::unexpected(std::move(error));
}

/// Gives each option its values, and returns the positional arguments.
Result<Values> CommandLine::Impl::take_options(const Values& arguments) {
  auto split = split_arguments(arguments, [this](std::string_view name) { return shape_of(name); });
  if (!split) {
    const Error& error = split.error();
    return error.candidates.empty() ? bad(error.what) : unknown(error.what, error.candidates.front());
  }
  for (Declared& one : declared) one.given.clear();
  for (GivenOption& given : split->options) declared[given.index].given.push_back(std::move(given.value));
  return std::move(split->positionals);
}

Result<void> CommandLine::Impl::take_positionals(const Values& values) {
  auto next = values.begin();
  for (Declared& one : declared) {
    if (!one.info.is_positional) continue;
    const auto end = one.info.repeats || next == values.end() ? values.end() : next + 1;
    one.given.assign(next, end);
    next = end;
    if (one.info.is_required && one.given.empty()) return bad(fmt::format("argument {} is missing", label(one.info)));
  }
  if (next != values.end()) return bad("unexpected argument " + quote(*next));
  return {};
}

Result<void> CommandLine::Impl::check_exclusive() const {
  for (const auto& names : exclusive) {
    const std::string* first = nullptr;
    for (const std::string& name : names) {
      const auto shape = shape_of(name);
      if (!shape || declared[shape->index].given.empty()) continue;
      if (first != nullptr) return bad(fmt::format("options {} and {} exclude each other", *first, name));
      first = &name;
    }
  }
  return {};
}

Result<void> CommandLine::Impl::set_all() const {
  for (const Declared& one : declared) {
    if (one.given.empty()) continue;
    if (one.given.size() > 1 && !one.info.repeats && !one.is_flag()) {
      return bad(fmt::format("option {} is given {} times", one.info.names.back(), one.given.size()));
    }
    MUSHER_CHECK(set(one));
  }
  return {};
}

CommandLine::CommandLine(std::string program, std::string summary) : impl_(std::make_unique<Impl>()) {
  impl_->help.program = std::move(program);
  impl_->help.summary = std::move(summary);
}

CommandLine::~CommandLine() = default;

void CommandLine::group(std::string heading) { impl_->group = std::move(heading); }

void CommandLine::flag(bool& value, std::string_view names, std::string description) {
  impl_->declare({.names = split_names(names), .value = {}, .description = std::move(description)},
                 [&value](const Values&) -> Result<void> {
                   value = true;
                   return {};
                 });
}

void CommandLine::option(std::string& value, std::string_view names, std::string value_name, std::string description) {
  option(store_in(value), names, std::move(value_name), std::move(description));
}

void CommandLine::option(std::optional<std::string>& value, std::string_view names, std::string value_name,
                         std::string description) {
  option(store_in(value), names, std::move(value_name), std::move(description));
}

void CommandLine::option(std::optional<std::uint64_t>& value, std::string_view names, std::string value_name,
                         std::string description) {
  const auto read = [&value](const std::string& text) -> Result<void> {
    MUSHER_TRY(value, parse_count(text));
    return {};
  };
  option(read, names, std::move(value_name), std::move(description));
}

void CommandLine::option(std::optional<std::chrono::milliseconds>& value, std::string_view names,
                         std::string value_name, std::string description) {
  const auto read = [&value](const std::string& text) -> Result<void> {
    MUSHER_TRY(value, parse_duration(text));
    return {};
  };
  option(read, names, std::move(value_name), std::move(description));
}

void CommandLine::option(std::vector<std::string>& values, std::string_view names, std::string value_name,
                         std::string description) {
  OptionInfo info{.names = split_names(names), .value = std::move(value_name), .description = std::move(description)};
  info.repeats = true;
  impl_->declare(std::move(info), store_all_in(values));
}

void CommandLine::option(std::function<Result<void>(const std::string&)> read, std::string_view names,
                         std::string value_name, std::string description) {
  impl_->declare({.names = split_names(names), .value = std::move(value_name), .description = std::move(description)},
                 first_to(std::move(read)));
}

void CommandLine::choose(std::vector<std::string> words, std::function<void(std::size_t)> set, std::string_view names,
                         std::string value_name, std::string description) {
  OptionInfo info{.names = split_names(names), .value = std::move(value_name), .description = std::move(description)};
  info.choices = words;
  const auto read = [words = std::move(words), set = std::move(set)](const std::string& text) -> Result<void> {
    const auto found = std::ranges::find(words, text);
    if (found == words.end()) {
      return fail(Errc::usage, quote(text) + " is not one of " + joined(words, ", "), {}, nearest(text, words, 2));
    }
    set(static_cast<std::size_t>(found - words.begin()));
    return {};
  };
  impl_->declare(std::move(info), first_to(read));
}

void CommandLine::positional(std::string& value, std::string name, std::string description) {
  impl_->declare_positional(std::move(name), std::move(description), true, false, first_to(store_in(value)));
}

void CommandLine::positional(std::optional<std::string>& value, std::string name, std::string description) {
  impl_->declare_positional(std::move(name), std::move(description), false, false, first_to(store_in(value)));
}

void CommandLine::positional(std::vector<std::string>& values, std::string name, std::string description,
                             bool at_least_one) {
  impl_->declare_positional(std::move(name), std::move(description), at_least_one, true, store_all_in(values));
}

void CommandLine::without(std::string_view names, std::string hint) {
  for (std::string& name : split_names(names)) impl_->without.emplace_back(std::move(name), hint);
}

void CommandLine::exclusive(std::vector<std::string> names) { impl_->exclusive.push_back(std::move(names)); }
void CommandLine::usage(std::string arguments) { impl_->help.usage.push_back(std::move(arguments)); }
void CommandLine::paragraph(std::string text) { impl_->help.paragraphs.push_back(std::move(text)); }
void CommandLine::example(std::string command, std::string what_it_does) {
  impl_->help.examples.emplace_back(std::move(command), std::move(what_it_does));
}

void CommandLine::replace_help(std::string text) { impl_->help_replacement = std::move(text); }

Result<Parsed> CommandLine::parse(int argc, const char* const* argv) {
  const Values arguments = argc > 1 ? Values(argv + 1, argv + argc) : Values{};
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "-h" || argument == "--help") return Parsed::help;
    if (argument == "--version") return Parsed::version;
  }
  MUSHER_TRY(const Values positionals, impl_->take_options(arguments));
  MUSHER_CHECK(impl_->take_positionals(positionals));
  MUSHER_CHECK(impl_->check_exclusive());
  MUSHER_CHECK(impl_->set_all());
  return Parsed::run;
}

std::string CommandLine::help() const {
  return impl_->help_replacement ? *impl_->help_replacement : render_help(impl_->help, options());
}

std::vector<OptionInfo> CommandLine::options() const {
  std::vector<OptionInfo> infos;
  for (const Declared& one : impl_->declared) infos.push_back(one.info);
  infos.push_back({.names = {"-h", "--help"}, .value = {}, .description = "Show this and exit", .group = impl_->group});
  infos.push_back({.names = {"--version"},
                   .value = {},
                   .description = "Show the version, the commit and the libraries, and exit",
                   .group = impl_->group});
  return infos;
}

}  // namespace musher
