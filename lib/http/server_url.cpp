#include "http/server_url.hpp"

#include <fmt/format.h>

#include <charconv>

namespace musher::http {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0;
}

bool is_host(std::string_view text, bool bracketed) {
  const std::string_view more = bracketed ? ":.%" : "-._";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && more.find(c) == more.npos) return false;
  }
  return !text.empty();
}

bool names_loopback(std::string_view host) {
  const bool is_address = host.find_first_not_of("0123456789.") == host.npos;
  return host == "localhost" || host == "::1" || (is_address && host.starts_with("127."));
}

}  // namespace

std::string ServerUrl::authority() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

std::string ServerUrl::text() const { return fmt::format("{}://{}", tls ? "https" : "http", authority()); }

Result<ServerUrl> parse_server_url(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::usage, fmt::format("\"{}\" is no URL of a server: {}", text.substr(0, 200), why),
                "http://127.0.0.1:7777 or https://HOST:PORT, as musher serve --listen has it");
  };
  ServerUrl url;
  std::string_view rest = text;
  if (rest.starts_with("https://"))
    url.tls = true;
  else if (!rest.starts_with("http://"))
    return bad("it does not begin with http:// or https://");
  rest.remove_prefix(url.tls ? 8 : 7);
  const std::string_view path = rest.substr(std::min(rest.find_first_of("/?#"), rest.size()));
  rest.remove_suffix(path.size());
  if (!path.empty() && path != "/" && path != "/mcp") return bad("its path is not /mcp");
  if (rest.find('@') != rest.npos) return bad("it names a user; a token goes into --token-file");
  const bool bracketed = rest.starts_with('[');
  const auto end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed && end == rest.npos) return bad("the ] is missing");
  url.host = rest.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end);
  rest.remove_prefix(std::min(bracketed ? end + 1 : end, rest.size()));
  if (!is_host(url.host, bracketed)) return bad("there is no host in it");
  if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return bad("the port is not one");
  url.port = rest.empty() ? (url.tls ? "443" : "80") : rest.substr(1);
  url.is_loopback = names_loopback(url.host);
  return url;
}

}  // namespace musher::http
