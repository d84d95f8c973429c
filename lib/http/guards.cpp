#include "http/guards.hpp"

#include <algorithm>
#include <array>

#include "http/header_text.hpp"
#include "http/server_url.hpp"

namespace musher::http {
namespace {

constexpr std::array<std::string_view, 3> kLoopback{"localhost", "127.0.0.1", "[::1]"};

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The host of "host" or "host:port"; absent when what follows it is not a port.
std::optional<std::string_view> without_port(std::string_view authority) {
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t colon = authority.find(':', bracket);
  if (colon == std::string_view::npos) return authority;
  if (!is_port(authority.substr(colon + 1))) return std::nullopt;
  return authority.substr(0, colon);
}

}  // namespace

bool host_is_allowed(std::string_view host, std::span<const std::string> allowed) {
  const auto name = without_port(host);
  if (!name || name->empty()) return false;
  const auto is_name = [&](std::string_view known) { return same_ignoring_case(known, *name); };
  return std::ranges::any_of(kLoopback, is_name) || std::ranges::any_of(allowed, is_name);
}

std::optional<std::string> allowable_host(std::string_view text) {
  const auto host = without_port(text);
  if (!host || host->empty()) return std::nullopt;
  const bool bracketed = host->starts_with('[');
  if (bracketed && !host->ends_with(']')) return std::nullopt;
  const std::string_view inner = bracketed ? host->substr(1, host->size() - 2) : *host;
  if (!is_host(inner, bracketed)) return std::nullopt;
  return std::string(*host);
}

bool origin_is_allowed(std::string_view origin, std::span<const std::string> allowed) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return host_is_allowed(origin.substr(scheme.size()), allowed);
  }
  return false;
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer";
  const std::size_t blank = authorization.find(' ');
  if (blank == std::string_view::npos || !same_ignoring_case(authorization.substr(0, blank), kScheme)) {
    return std::nullopt;
  }
  const std::string_view token = trimmed(authorization.substr(blank));
  if (token.empty() || token.find_first_of(" \t,") != std::string_view::npos) return std::nullopt;
  return token;
}

}  // namespace musher::http
