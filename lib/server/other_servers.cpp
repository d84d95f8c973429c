#include "server/other_servers.hpp"

#include <unistd.h>

#include "oplog/server_start.hpp"

namespace musher {

std::optional<std::int64_t> others_sync_since_ms(LiveLog& live) {
  auto servers = live.log().live_servers();
  if (!servers) return std::nullopt;
  std::erase_if(*servers, [](const LiveServer& each) { return each.pid == getpid() && !each.other_namespace; });
  return syncing_since_ms(*servers);
}

}  // namespace musher
