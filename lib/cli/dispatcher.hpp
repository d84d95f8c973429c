#pragma once
// `musher put ...` runs `musher-put ...`, found beside the running program, as git does.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/run_command.hpp"

namespace musher {

/// A program to become, with its arguments.
struct Target {
  std::filesystem::path file;
  std::vector<std::string> arguments;  ///< arguments[0] is the program's name
};

/// `musher put ARG...`: musher-put with ARG...; `musher help put`: musher-put --help. Nothing when the arguments name
/// no program that is in this folder.
[[nodiscard]] std::optional<Target> find_target(int argc, const char* const* argv, const std::filesystem::path& folder);

/// What is left for `musher` itself: its help with the commands that are in the folder, its version, and the error that
/// names an unknown command.
[[nodiscard]] Command dispatcher_command(const std::filesystem::path& folder);

/// main() of musher.
[[nodiscard]] int run_dispatcher(int argc, char** argv);

}  // namespace musher
