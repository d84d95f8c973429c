#include "cli/dispatcher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <ostream>
#include <string_view>

#include "cli/command_names.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

fs::path program_of(const fs::path& folder, std::string_view name) { return folder / ("musher-" + std::string(name)); }

bool is_program(const fs::path& file) { return access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file); }

bool can_name_a_program(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !name.empty() && name.front() != '-' && name.size() <= 64 && name.find_first_not_of(kLetters) == name.npos;
}

std::vector<CommandName> commands_in(const fs::path& folder) {
  std::vector<CommandName> present;
  for (const CommandName& command : kCommands) {
    if (is_program(program_of(folder, command.name))) present.push_back(command);
  }
  return present;
}

std::string overview(const fs::path& folder) {
  std::string text =
      "Usage: musher COMMAND [OPTION]... [ARGUMENT]...\n"
      "       musher help COMMAND\n"
      "       musher --version\n\n" +
      summary_of("musher") + ".\n\nCommands:\n";
  for (const CommandName& command : commands_in(folder))
    text += fmt::format("  {:<14}{}\n", command.name, command.summary);
  text += "\nThe log is --log FILE, else $MUSHER_LOG, else pipeline.db in this folder.\n";
  return text;
}

Result<ExitCode> run_unfound(const fs::path& folder, const std::vector<std::string>& words, Terminal& terminal) {
  const bool asks_for_help = !words.empty() && words.front() == "help";
  if (words.empty() || (asks_for_help && (words.size() == 1 || (words.size() == 2 && words[1] == "help")))) {
    terminal.out() << overview(folder);
    return ExitCode::ok;
  }
  if (asks_for_help && words.size() > 2)
    return fail(Errc::usage, "help takes one command, not also " + quote(words[2]), "musher help COMMAND");
  const std::string& name = asks_for_help ? words[1] : words.front();
  std::vector<std::string> known;
  for (const CommandName& command : commands_in(folder)) known.emplace_back(command.name);
  return fail(Errc::usage, "unknown command " + quote(name), "musher help", nearest(name, known, 2));
}

}  // namespace

std::optional<Target> find_target(int argc, const char* const* argv, const fs::path& folder) {
  if (argc < 2) return std::nullopt;
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.front() == "help" && words.size() == 2) words = {words[1], "--help"};
  if (!can_name_a_program(words.front())) return std::nullopt;
  const fs::path file = program_of(folder, words.front());
  if (!is_program(file)) return std::nullopt;
  words.front() = file.filename();
  return Target{file, std::move(words)};
}

Command dispatcher_command(const fs::path& folder) {
  const auto words = std::make_shared<std::vector<std::string>>();
  return {.program = "musher",
          .wants = {.common = false, .log = false, .identity = false, .json = false},
          .declare =
              [folder, words](CommandLine& line) {
                line.positional(*words, "COMMAND", "What to run");
                line.replace_help(overview(folder));
              },
          .run = [folder, words](Context& context) { return run_unfound(folder, *words, context.terminal); }};
}

int run_dispatcher(int argc, char** argv) {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (const auto target = find_target(argc, argv, folder)) {
    std::vector<char*> arguments;
    for (const std::string& argument : target->arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execv(target->file.c_str(), arguments.data());
  }
  return run_command(argc, argv, dispatcher_command(folder));
}

}  // namespace musher
