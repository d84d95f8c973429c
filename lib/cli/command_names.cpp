#include "cli/command_names.hpp"

#include <algorithm>

namespace musher {

std::string summary_of(std::string_view program) {
  constexpr std::string_view kPrefix = "musher-";
  if (!program.starts_with(kPrefix)) return "See, check and change what a pipeline's op log holds";
  const auto found = std::ranges::find(kCommands, program.substr(kPrefix.size()), &CommandName::name);
  return found == kCommands.end() ? std::string() : std::string(found->summary);
}

}  // namespace musher
