#include "http/hub.hpp"

#include <fmt/format.h>

#include <array>

#include "crypto/hashing.hpp"
#include "http/connection.hpp"
#include "http/guards.hpp"
#include "http/header_text.hpp"
#include "http/response_head.hpp"

namespace musher::http {

std::string_view Hub::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    // RFC 9110's fixed form in English, whatever the locale.
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date_ = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(utc.tm_wday)],
                        utc.tm_mday, kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                        utc.tm_min, utc.tm_sec);
    date_second_ = now;
  }
  return date_;
}

void Hub::count_refusal(const BadRequest& why, std::string_view peer, std::string_view principal) {
  ++stats.refused;
  if (options.on_refused) options.on_refused({why.status, why.why, peer, principal});
}

void Hub::count_open() {
  stats.connections = open();
  stats.web_sockets = web_sockets.size();
}

void Hub::give_back(const std::string& source) {
  const auto held = held_.find(source);
  if (held != held_.end() && --held->second == 0) held_.erase(held);
}

std::size_t Hub::held_by(const std::string& source) const {
  const auto held = held_.find(source);
  return held == held_.end() ? 0 : held->second;
}

void Hub::add(std::shared_ptr<Connection> connection) {
  ++held_[connection->source()];
  connections.emplace(connection.get(), std::move(connection));
  count_open();
}

void Hub::add(LiveWebSocket& socket, Opened opened) {
  ++held_[opened.source];
  web_sockets.emplace(&socket, std::move(opened));
  count_open();
}

void Hub::forget(Connection& connection) {
  if (const auto held = connections.extract(&connection)) give_back(held.mapped()->source());
  count_open();
  if (open() == 0 && on_empty) on_empty();
}

void Hub::forget(LiveWebSocket& socket) {
  if (const auto held = web_sockets.extract(&socket)) give_back(held.mapped().source);
  count_open();
  if (open() == 0 && on_empty) on_empty();
}

std::optional<BadRequest> refusal_of(const Hub& hub, HeadFacts head, Request& request, std::optional<Digest>& token,
                                     const Route*& route) {
  const Options& options = hub.options;
  const auto host = request.header("Host");
  if (head.hosts != 1 || !host) return BadRequest{400, "there must be one Host header"};
  if (!host_is_allowed(*host, options.allowed_hosts)) return BadRequest{403, kHostNotServed};
  const auto origin = request.header("Origin");
  if (origin && !origin_is_allowed(*origin, options.allowed_hosts)) {
    return BadRequest{403, "pages of this Origin are not served here"};
  }
  // Before the token: clients look under /.well-known/ without theirs, and take anything but a 404 for an answer.
  const auto found = hub.routes.find(request.path);
  if (found == hub.routes.end()) return BadRequest{404, kNothingAtPath};
  // Strangers' bodies would take memory before anybody looks at them.
  if (found->second.access == Access::anyone && head.has_body) return BadRequest{413, "no body is taken here"};
  if (options.tokens && found->second.access == Access::token) {
    const auto shown = bearer_token(request.header("Authorization").value_or(""));
    if (!shown) return BadRequest{401, "a token is needed: Authorization: Bearer TOKEN"};
    token = token_digest(*shown);
    auto principal = options.tokens->find(*token);
    if (!principal) return BadRequest{401, "this token is not known"};
    request.principal = std::move(*principal);
  }
  const auto expected = request.header("Expect");
  if (expected && !same_ignoring_case(*expected, "100-continue")) {
    return BadRequest{417, "nothing but 100-continue can be expected"};
  }
  route = &found->second;
  return std::nullopt;
}

}  // namespace musher::http
