#include "oplog/server_start.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace musher {
namespace {

std::int64_t ms_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

/// proc(5), field 22 of stat: ticks after the machine's start. The name before it may have any character in it.
std::int64_t began_ms(std::int64_t pid) {
  constexpr int kFieldsBetween = 19;
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kFieldsBetween; ++i) fields >> field;
  std::int64_t ticks = 0;
  if (!(fields >> ticks)) return 0;
  const std::int64_t ms_after_boot = ticks * 1'000 / sysconf(_SC_CLK_TCK);
  return ms_of(CLOCK_REALTIME) - (ms_of(CLOCK_BOOTTIME) - ms_after_boot);
}

}  // namespace

std::optional<std::int64_t> syncing_since_ms(std::span<const LiveServer> servers) {
  std::optional<std::int64_t> eldest;
  for (const LiveServer& server : servers) {
    if (server.health != ServerHealth::ok) continue;
    const std::int64_t began = server.other_namespace ? 0 : began_ms(server.pid);
    eldest = std::min(eldest.value_or(began), began);
  }
  return eldest;
}

}  // namespace musher
