#pragma once
// What a command's exit code means; docs and every man page have the same table.

#include <cstdint>

#include "model/result.hpp"

namespace musher {

enum class ExitCode : std::uint8_t {
  ok = 0,             ///< done, and something was really checked or changed (or was already so)
  no = 1,             ///< the answer is no: a finding, damage, states differ, not found, not confirmed by a live server
  usage = 2,          ///< a command line or configuration that means nothing
  nothing = 3,        ///< nothing to check: no such file, not an op log, a newer format, no ops
  incomplete = 4,     ///< time limit, a part not looked at
  refused = 5,        ///< no confirmation, no usable key, key not trusted, story purged
  busy = 6,           ///< a lock or a time-out: try again
  io = 7,             ///< disk full, EIO, port taken, or a bug
  interrupted = 130,  ///< SIGINT
  pipe = 141,         ///< whoever read our output is gone
  terminated = 143,   ///< SIGTERM
};

/// The exit code of a command that stopped with this error.
[[nodiscard]] ExitCode exit_code(Errc code);

/// The one that a command ends with when both apply. From the strongest: a signal; 2 and 5, which end a command before
/// it works; 1, 7, 4, 6, 3; 0.
[[nodiscard]] ExitCode worst(ExitCode a, ExitCode b);

}  // namespace musher
