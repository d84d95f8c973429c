#pragma once
// The command line of musher inspect, the same for a log here and one at a server.

#include <optional>
#include <string>

#include "cli/command_line.hpp"

namespace musher {

struct InspectOptions {
  std::optional<std::string> view;
  std::optional<std::string> name;
  std::optional<std::string> at;
  bool verify = false;
  bool copy = false;
};

void declare(InspectOptions& options, CommandLine& line);

}  // namespace musher
