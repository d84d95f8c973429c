#pragma once
// put, purge and inspect on the log of a server, init for its document: the command lines are those of the commands
// that hand over.

#include "cli/run_command.hpp"

namespace musher {

[[nodiscard]] Command remote_init_command();
[[nodiscard]] Command remote_put_command();
[[nodiscard]] Command remote_purge_command();
[[nodiscard]] Command remote_inspect_command();

}  // namespace musher
