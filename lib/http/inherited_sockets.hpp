#pragma once
// Sockets that a service manager opened and left to this process (sd_listen_fds(3)).

#include <vector>

#include "model/result.hpp"

namespace musher::http {

/// The descriptors meant for this process, close-on-exec from now on; none when there are none or they are another's.
/// @param listen_pid,listen_fds the environment's LISTEN_PID and LISTEN_FDS, or null. To be asked once.
/// @errors usage: they are not numbers.
[[nodiscard]] Result<std::vector<int>> inherited_sockets(const char* listen_pid, const char* listen_fds);

}  // namespace musher::http
