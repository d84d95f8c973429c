#include "http/upgrade.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "http/header_text.hpp"
#include "http/live_web_socket.hpp"
#include "http/response_head.hpp"
#include "http/source.hpp"

namespace musher::http {
namespace {

/// Whether a header is a list with this in it.
bool lists(const Request& request, std::string_view header, std::string_view wanted, bool ignore_case) {
  std::string_view rest = request.header(header).value_or("");
  while (!rest.empty()) {
    const std::string_view item = trimmed(rest.substr(0, rest.find(',')));
    if (ignore_case ? same_ignoring_case(item, wanted) : item == wanted) return true;
    rest.remove_prefix(std::min(rest.size(), std::min(rest.find(','), rest.size()) + 1));
  }
  return false;
}

/// The base64 of 16 bytes: the last digit of 22 has 2 bits.
bool is_key(std::string_view key) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return key.size() == 24 && key.ends_with("==") && key.find_first_not_of(kDigits) == 22 &&
         std::string_view("AQgw").find(key[21]) != std::string_view::npos;
}

UpgradeRefusal refusal(const BadRequest& why, Headers headers = {}) {
  UpgradeRefusal refused{why, refusal_response(why)};
  std::ranges::move(headers, std::back_inserter(refused.response.headers));
  return refused;
}

}  // namespace

std::expected<std::string, UpgradeRefusal> judge_upgrade(const Request& request, bool is_http_1_0,
                                                         const WebSocketRoute& options) {
  const auto refuse = [](const BadRequest& why, Headers headers = {}) {
    return std::unexpected(refusal(why, std::move(headers)));
  };
  if (request.method != "GET") return refuse({405, "a WebSocket begins with GET"}, {{"Allow", "GET"}});
  const bool asks = lists(request, "Connection", "upgrade", true) && lists(request, "Upgrade", "websocket", true);
  if (!asks || is_http_1_0) {
    return refuse({426, "this path is a WebSocket"}, {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}});
  }
  if (!request.body.empty()) return refuse({400, "an upgrade has no body"});
  if (request.header("Sec-WebSocket-Version") != "13") {
    return refuse({426, "the version of WebSocket is 13"},
                  {{"Sec-WebSocket-Version", "13"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}});
  }
  if (!is_key(request.header("Sec-WebSocket-Key").value_or(""))) {
    return refuse({400, "Sec-WebSocket-Key is not the base64 of 16 bytes"});
  }
  if (options.subprotocols.empty()) return std::string();
  for (const std::string& known : options.subprotocols) {
    if (lists(request, "Sec-WebSocket-Protocol", known, false)) return known;
  }
  UpgradeRefusal refused = refusal({400, "no subprotocol in common"});
  const std::string names = fmt::format("the subprotocols here: {}", fmt::join(options.subprotocols, ", "));
  refused.response.body = refusal_response({400, names}).body;
  return std::unexpected(std::move(refused));
}

void begin_web_socket(const std::shared_ptr<Hub>& hub, std::shared_ptr<const WebSocketTarget> target, Request request,
                      std::optional<Digest> token, std::unique_ptr<Transport> transport, const std::string& subprotocol,
                      std::string_view unread) {
  const auto shared = std::make_shared<const Request>(std::move(request));
  // The socket tells that it has gone before it is freed.
  const auto self = std::make_shared<LiveWebSocket*>(nullptr);
  WebSocketParts parts{
      .transport = std::move(transport),
      .peer = shared->peer,
      .deflate = target->options.deflate,
      .limits = target->options.limits,
      .on_gone = [hub, self] { hub->forget(**self); },
  };
  const auto opened = [hub, target, shared](std::shared_ptr<WebSocket> socket) {
    try {
      target->handler(*shared, std::move(socket));
    } catch (const std::exception& failure) {  // the socket ends where nobody keeps it
      hub->count_refusal({500, failure.what()}, shared->peer, shared->principal.name);
    }
  };
  const auto socket = accept_web_socket(*hub->io, std::move(parts), *shared, subprotocol, unread, opened);
  *self = socket.get();
  hub->add(*socket, {source_of(shared->peer), std::move(token), target->options.writes});
}

}  // namespace musher::http
