#pragma once
// What is asked of a request before any handler sees it. A page in the operator's browser can send requests to
// loopback: DNS rebinding shows in Host, a foreign page in Origin.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace musher::http {

/// Whether a Host header names this machine's loopback (localhost, 127.0.0.1, [::1]) or one of `allowed`; with any port
/// or none.
[[nodiscard]] bool host_is_allowed(std::string_view host, std::span<const std::string> allowed);

/// The host of "host" or "host:port" as `allowed` above has it; absent when no Host header can be that: a URL, a blank,
/// a pattern, an address of IPv6 without its brackets.
[[nodiscard]] std::optional<std::string> allowable_host(std::string_view text);

/// Whether an Origin header is http:// or https:// and such a host. "null" never is.
[[nodiscard]] bool origin_is_allowed(std::string_view origin, std::span<const std::string> allowed);

/// The token of `Bearer TOKEN`; absent for any other scheme or form.
[[nodiscard]] std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace musher::http
