#pragma once
// The server's own log on stderr: text for people, or a line of JSON an event.

#include "cli/serve_config.hpp"
#include "server/serve.hpp"

namespace musher {

/// quiet: errors only. utc: times in UTC; JSON's always are. What comes from outside is escaped.
[[nodiscard]] LogSink make_server_log(LogFormat format, bool quiet, bool utc);

}  // namespace musher
