#pragma once
// What a service manager is told (sd_notify(3)): nothing where there is none.

#include <chrono>
#include <optional>
#include <string>

namespace musher {

class ServiceManager {
 public:
  void ready(const std::string& status) const;
  void status(const std::string& status) const;
  void reloading() const;
  void stopping() const;
  /// This server lives: to be said at least as often as watchdog_interval().
  void alive() const;
  /// Half of what the service manager waits for before it kills; nothing when it does not watch.
  [[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_interval() const;
};

}  // namespace musher
