#include "server/service_manager.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>

namespace musher {
namespace {

/// A status is one line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

}  // namespace

void ServiceManager::ready(const std::string& status) const {
  sd_notify(0, ("READY=1\nSTATUS=" + one_line(status)).c_str());
}

void ServiceManager::status(const std::string& status) const { sd_notify(0, ("STATUS=" + one_line(status)).c_str()); }

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void ServiceManager::stopping() const { sd_notify(0, "STOPPING=1"); }

void ServiceManager::alive() const { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> ServiceManager::watchdog_interval() const {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::milliseconds(microseconds / 2'000);
}

}  // namespace musher
