#pragma once
// musher serve. Not among the commands of lib/cli: those link no network.

#include "cli/run_command.hpp"

namespace musher {

[[nodiscard]] Command serve_command();

}  // namespace musher
