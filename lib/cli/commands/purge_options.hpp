#pragma once
// The command line of musher purge, the same for a log here and one at a server.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/live_confirmation.hpp"
#include "replica/purge.hpp"

namespace musher {

struct PurgeOptions {
  PurgeSelection selection;
  std::optional<std::chrono::milliseconds> older_than;
  std::optional<std::string> reason;
  std::vector<std::string> confirmed;
  std::optional<std::uint64_t> max;
  WaitOption wait{.tells_of_none = true};
  bool dry_run = false;
  bool yes = false;
  bool list = false;
};

void declare(PurgeOptions& options, CommandLine& line);

}  // namespace musher
