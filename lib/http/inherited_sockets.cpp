#include "http/inherited_sockets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace musher::http {
namespace {

constexpr int kFirst = 3;
constexpr int kMost = 64;

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

Result<std::vector<int>> inherited_sockets(const char* listen_pid, const char* listen_fds) {
  if (listen_pid == nullptr || listen_fds == nullptr) return std::vector<int>{};
  const auto pid = number_of(listen_pid);
  const auto count = number_of(listen_fds);
  if (!pid || !count || *count > kMost) {
    return fail(Errc::usage,
                fmt::format("cannot take over sockets: LISTEN_PID={} LISTEN_FDS={}", listen_pid, listen_fds),
                "man sd_listen_fds");
  }
  std::vector<int> sockets;
  if (*pid != ::getpid()) return sockets;
  for (int descriptor = kFirst; descriptor < kFirst + *count; ++descriptor) {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    sockets.push_back(descriptor);
  }
  return sockets;
}

}  // namespace musher::http
