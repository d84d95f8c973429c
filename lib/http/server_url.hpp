#pragma once
// Where a musher serve is: http://HOST[:PORT][/mcp] or https; and a WebSocket of it: ws://HOST[:PORT]/PATH or wss.

#include <string>
#include <string_view>

#include "model/result.hpp"

namespace musher::http {

/// Whether this is made of what names, or addresses, are made of.
/// @param bracketed  it stood in the brackets of an address of IPv6
[[nodiscard]] bool is_host(std::string_view text, bool bracketed);

struct ServerUrl {
  bool tls = false;
  std::string host{};  ///< a name or an address; one of IPv6 without its brackets
  std::string port{};
  bool is_loopback = false;  ///< localhost, 127.0.0.0/8 or ::1: no network is in between

  /// "host:port", with the brackets.
  [[nodiscard]] std::string authority() const;
  /// "http://host:port".
  [[nodiscard]] std::string text() const;
  /// The same place by the other scheme, or by this one.
  [[nodiscard]] ServerUrl with_tls(bool wanted) const;
};

/// Without a port it is 80 or 443. A user, a query, a fragment or another path than /mcp mean nothing here.
/// @errors usage.
[[nodiscard]] Result<ServerUrl> parse_server_url(std::string_view text);

struct WebSocketUrl {
  ServerUrl server{};
  std::string path{};  ///< as written: "/crdt-sync"; "/" where there is none

  /// "ws://host:port/path".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] WebSocketUrl with_tls(bool wanted) const { return {server.with_tls(wanted), path}; }
};

/// The same for ws:// and wss://, with any path.
/// @errors usage.
[[nodiscard]] Result<WebSocketUrl> parse_web_socket_url(std::string_view text);

}  // namespace musher::http
