// The engine's dialing: whom, when again, and whether it is this node that answers.
#include "sync/engine.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

constexpr std::chrono::milliseconds kSlowRetry{60'000};
constexpr std::chrono::milliseconds kClaimRetry{5'000};
constexpr std::chrono::milliseconds kSelfRetry{600'000};  ///< a name may lead elsewhere by then

}  // namespace

void Engine::set_rendezvous(const std::vector<std::string>& urls) {
  for (Target& target : targets_) {
    if (std::ranges::find(urls, target.url) != urls.end()) {
      if (!target.is_dialed()) target.state = Target::State::waiting;
      if (target.state == Target::State::waiting) target.next = services_.now();
      continue;
    }
    if (target.cancel) std::exchange(target.cancel, {})();
    target.state = Target::State::left;  // kept: a dial that is under way refers to it
  }
  for (const std::string& url : urls) {
    if (std::ranges::find(targets_, url, &Target::url) == targets_.end()) targets_.push_back({.url = url});
  }
  const auto sessions = sessions_;
  for (const auto& session : sessions) {
    const bool left = session->role() == Role::dialer && std::ranges::find(urls, session->url()) == urls.end();
    if (left) session->end({CloseCode::going_away, "it is not to be dialed any more"});
  }
}

void Engine::dial(std::size_t index) {
  Target& target = targets_[index];
  if (target.peer && session_with(*target.peer, nullptr) != nullptr) {
    target.next = services_.now() + options_.limits.retry_least;
    return;
  }
  if (target.since_ms == 0) target.since_ms = services_.clock_ms();
  if (!options_.may_dial(target.url)) {
    const std::string why = "another server of this log dials it";
    if (options_.on_event && std::exchange(target.last_error, why) != why) {
      options_.on_event({false, "left to another server", target.url, target.url, why});
    }
    target.next = services_.now() + kClaimRetry;
    return;
  }
  target.is_self = false;
  target.state = Target::State::dialing;
  target.cancel = services_.dial(target.url, [this, alive = alive_, index](Result<OpenLink> link) {
    if (!*alive) return;
    Target& dialed = targets_[index];
    dialed.cancel = {};
    if (!link) {
      options_.dial_failed(dialed.url);
      const std::string why = with_hint(link.error().what, link.error().hint);
      if (options_.on_event && dialed.last_error != why) {
        options_.on_event({true, "cannot reach peer", dialed.url, dialed.url, why});
      }
      return retry_later(dialed, why, 0);
    }
    dialed.state = Target::State::connected;
    add(*std::move(link), Role::dialer, dialed.url);
  });
}

/// Doubles with each failure, and is drawn from the upper half, so that nodes that lost one peer do not come back to it
/// all at once.
void Engine::retry_later(Target& target, const std::string& why, std::uint16_t code) {
  if (!target.is_dialed()) return;
  target.state = Target::State::waiting;
  if (target.since_ms == 0) target.since_ms = services_.clock_ms();
  const auto ending = static_cast<CloseCode>(code);
  if (ending != CloseCode::duplicate && ending != CloseCode::going_away) target.last_error = why;
  if (ending == CloseCode::same_node && target.is_self) {
    target.next = services_.now() + kSelfRetry;
    return;
  }
  const Limits& limits = options_.limits;
  std::chrono::milliseconds wait =
      std::min(limits.retry_most, limits.retry_least * (1U << std::min(target.failures, 16U)));
  if (ending == CloseCode::wrong_document || ending == CloseCode::unsupported || ending == CloseCode::same_key ||
      ending == CloseCode::same_node) {
    wait = std::max(wait, std::min(limits.retry_most, kSlowRetry));
  }
  ++target.failures;
  std::array<std::uint8_t, 4> random{};
  services_.random(random);
  std::uint32_t number = 0;
  for (const std::uint8_t byte : random) number = number << 8U | byte;
  const auto half = wait / 2;
  target.next =
      services_.now() + half + std::chrono::milliseconds(number % static_cast<std::uint64_t>(half.count() + 1));
}

/// A connection has ended.
void Engine::dial_again(Session& session) {
  const auto code = static_cast<CloseCode>(session.end_code());
  for (Target& target : targets_) {
    if (target.url == session.url()) {
      // Told that there is a connection already, it need not have proven who it is.
      if (session.proven() || code == CloseCode::duplicate) target.peer = session.claimed();
      // Replaced at the other end by a connection that is not of this process: by another server of this log, which
      // would be replaced in its turn.
      const bool replaced = code == CloseCode::duplicate && session.inbound() != nullptr && !session.ending() &&
                            session_with(session.peer()->author, nullptr) == nullptr;
      if (went_well(session)) target.failures = 0;
      retry_later(target, session.end_text(), session.end_code());
      if (replaced) target.next = std::max(target.next, services_.now() + kSlowRetry);
    } else if (session.peer() && target.peer == session.peer()->author && target.state == Target::State::waiting) {
      target.next = services_.now();  // it was left alone while another connection stood
    }
  }
}

/// One that opened and ended since an end cannot write may open and end so again and again.
bool Engine::went_well(const Session& session) const {
  if (!session.open_since()) return false;
  return static_cast<CloseCode>(session.end_code()) != CloseCode::unavailable ||
         services_.now() - *session.open_since() > options_.limits.retry_most;
}

/// It ended since both ends are this node, which was told of the end that dialed, once for each address.
bool Engine::is_known_self(const Session& session) {
  if (session.role() == Role::listener) return session.is_this_node();
  const auto target = std::ranges::find(targets_, session.url(), &Target::url);
  return target != targets_.end() && target->is_self && std::exchange(target->told_of_self, true);
}

/// What this node says first where it dials is known to nobody else yet.
bool Engine::greeted(const ExchangeKey& key) {
  for (const auto& session : sessions_) {
    if (session->role() != Role::dialer || session->exchange_key() != key) continue;
    const auto target = std::ranges::find(targets_, session->url(), &Target::url);
    if (target != targets_.end()) target->is_self = true;
    return true;
  }
  return false;
}

}  // namespace musher::sync
