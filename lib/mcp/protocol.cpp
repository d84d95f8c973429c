#include "mcp/protocol.hpp"

#include <algorithm>

namespace musher::mcp {

bool is_legacy_version(std::string_view version) {
  return std::ranges::find(kLegacyVersions, version) != kLegacyVersions.end();
}

std::string versions_served() {
  std::string text(kModernVersion);
  for (const std::string_view version : kLegacyVersions) text.append(", ").append(version);
  return text;
}

}  // namespace musher::mcp
