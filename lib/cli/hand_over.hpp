#pragma once
// A log that is at a server: the program that speaks to servers goes on. The others do not link the network, which
// would double the time they take to start.

#include <string>

#include "cli/exit_code.hpp"
#include "model/result.hpp"

namespace musher {

/// Becomes musher-remote, which is beside the running program: `musher-put ARG...` goes on as `musher-remote put
/// ARG...`. Does not return but with an error.
/// @errors io: it is not there or cannot be run.
[[nodiscard]] Result<ExitCode> hand_over(const std::string& program, int argc, const char* const* argv);

}  // namespace musher
