#include "http/server_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/header_text.hpp"

namespace musher::http {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0;
}

bool names_loopback(std::string_view host) {
  const bool is_address = host.find_first_not_of("0123456789.") == host.npos;
  return host == "localhost" || host == "::1" || (is_address && host.starts_with("127."));
}

struct Scheme {
  std::string_view plain, tls;
  std::string_view what;   ///< that the URL is of
  std::string_view token;  ///< where one for it goes
  std::string_view path;   ///< musher's own
  std::string_view hint;
};
constexpr Scheme kHttp{"http://",  "https://",
                       "a server", "--token-file",
                       "/mcp",     "http://127.0.0.1:7777 or https://HOST:PORT, as musher serve --listen has it"};
constexpr Scheme kWebSocket{"ws://",       "wss://",
                            "a WebSocket", "--rendezvous-token-file (configuration: rendezvous_token_file)",
                            "/crdt-sync",  "ws://127.0.0.1:7777/crdt-sync or wss://HOST:PORT/crdt-sync"};

/// RFC 3986, section 3.1: upper and lower case are alike in a scheme.
bool begins_with(std::string_view text, std::string_view scheme) {
  return same_ignoring_case(text.substr(0, scheme.size()), scheme);
}

/// Up to the last @, and from a ? on, whatever a token is made of: it may be on its way to a log.
std::string without_user(std::string_view text) {
  text = text.substr(0, text.find('?'));
  const auto at = text.rfind('@');
  if (at == text.npos) return std::string(text);
  std::string_view scheme;
  for (const std::string_view known : {kHttp.plain, kHttp.tls, kWebSocket.plain, kWebSocket.tls})
    if (begins_with(text, known)) scheme = text.substr(0, known.size());
  return fmt::format("{}{}", scheme, text.substr(at + 1));
}

std::unexpected<Error> bad(std::string_view text, const Scheme& scheme, std::string_view why) {
  return fail(Errc::usage,
              fmt::format("\"{}\" is no URL of {}: {}", without_user(text).substr(0, 200), scheme.what, why),
              std::string(scheme.hint));
}

Result<WebSocketUrl> parse(std::string_view text, const Scheme& scheme);

/// A URL of the other kind as this one has it; nothing when it is none.
std::optional<std::string> translated(std::string_view text, const Scheme& other, const Scheme& scheme) {
  const bool tls = begins_with(text, other.tls);
  if (!tls && !begins_with(text, other.plain)) return std::nullopt;
  text.remove_prefix((tls ? other.tls : other.plain).size());
  text = text.substr(0, text.find_first_of("?#"));
  if (text.ends_with(other.path)) text.remove_suffix(other.path.size());
  std::string url = fmt::format("{}{}", tls ? scheme.tls : scheme.plain, text);
  if (!parse(url, scheme)) return std::nullopt;
  return url;
}

/// HOST:PORT as a URL: without TLS only on this machine. Nothing when it is none.
std::optional<std::string> with_scheme(std::string_view text, const Scheme& scheme) {
  if (text.find("://") != text.npos || text.find_first_of("?#@") != text.npos) return std::nullopt;
  const auto parsed = parse(fmt::format("{}{}", scheme.plain, text), scheme);
  if (!parsed) return std::nullopt;
  return fmt::format("{}{}", parsed->server.is_loopback ? scheme.plain : scheme.tls, text);
}

/// The path is as written, and may be empty.
Result<WebSocketUrl> parse(std::string_view text, const Scheme& scheme) {
  WebSocketUrl parts;
  ServerUrl& url = parts.server;
  std::string_view rest = text;
  url.tls = begins_with(rest, scheme.tls);
  if (!url.tls && !begins_with(rest, scheme.plain)) {
    auto error = bad(text, scheme, fmt::format("it does not begin with {} or {}", scheme.plain, scheme.tls));
    const Scheme& other = &scheme == &kHttp ? kWebSocket : kHttp;
    if (auto right = translated(text, other, scheme))
      error.error().hint = *std::move(right);
    else if (auto whole = with_scheme(text, scheme))
      error.error().hint = *std::move(whole);
    return error;
  }
  rest.remove_prefix((url.tls ? scheme.tls : scheme.plain).size());
  parts.path = rest.substr(std::min(rest.find_first_of("/?#"), rest.size()));
  rest.remove_suffix(parts.path.size());
  if (rest.find('@') != rest.npos)
    return bad(text, scheme, fmt::format("it names a user; a token goes into {}", scheme.token));
  const bool bracketed = rest.starts_with('[');
  const auto end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed && end == rest.npos) return bad(text, scheme, "the ] is missing");
  url.host = rest.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end);
  rest.remove_prefix(std::min(bracketed ? end + 1 : end, rest.size()));
  if (!is_host(url.host, bracketed)) return bad(text, scheme, "there is no host in it");
  if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) {
    return bad(text, scheme, "the port is not one");
  }
  url.port = rest.empty() ? (url.tls ? "443" : "80") : rest.substr(1);
  url.is_loopback = names_loopback(url.host);
  return parts;
}

}  // namespace

bool is_host(std::string_view text, bool bracketed) {
  const std::string_view more = bracketed ? ":.%" : "-._";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && more.find(c) == more.npos) return false;
  }
  return !text.empty();
}

std::string ServerUrl::authority() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

std::string ServerUrl::text() const { return fmt::format("{}://{}", tls ? "https" : "http", authority()); }

ServerUrl ServerUrl::with_tls(bool wanted) const {
  ServerUrl other = *this;
  other.tls = wanted;
  return other;
}

Result<ServerUrl> parse_server_url(std::string_view text) {
  MUSHER_TRY(auto parts, parse(text, kHttp));
  if (!parts.path.empty() && parts.path != "/" && parts.path != kHttp.path) {
    auto error = bad(text, kHttp, "its path is not /mcp");
    error.error().hint = parts.server.text();
    return error;
  }
  return parts.server;
}

std::string WebSocketUrl::text() const {
  return fmt::format("{}://{}{}", server.tls ? "wss" : "ws", server.authority(), path);
}

Result<WebSocketUrl> parse_web_socket_url(std::string_view text) {
  MUSHER_TRY(auto parts, parse(text, kWebSocket));
  if (parts.path.find_first_of("?#") != parts.path.npos)
    return bad(text, kWebSocket, "nothing may follow its path, and this has a ? or a #");
  const bool plain = std::ranges::all_of(parts.path, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain) return bad(text, kWebSocket, "its path has characters that are not printable ASCII");
  if (parts.path.empty()) parts.path = "/";
  return parts;
}

}  // namespace musher::http
