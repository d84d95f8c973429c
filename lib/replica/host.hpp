#pragma once
// What the outside world lends a replica: its clock, its state folder, the name of who is at the shell.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "model/utc.hpp"

namespace musher {

struct Host {
  std::function<std::int64_t()> now_ms;  ///< ms since 1970 UTC: stamped on ops, never used for order
  std::filesystem::path state_dir;       ///< notes kept outside the log: own tips, verify-order's high-water mark
  std::string login;                     ///< `actor` of ops written from here
  /// A time in a message for people: ms since 1970 to text.
  std::function<std::string(std::int64_t)> time_text = to_utc;
};

}  // namespace musher
