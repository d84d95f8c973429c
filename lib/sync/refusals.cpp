#include "sync/refusals.hpp"

#include <algorithm>

namespace musher::sync {
namespace {

constexpr std::size_t kMost = 16;
constexpr std::chrono::milliseconds kShown{300'000};

}  // namespace

void Refusals::note(const Session& session, std::chrono::milliseconds now, std::int64_t clock_ms) {
  const auto code = static_cast<CloseCode>(session.end_code());
  if (session.role() != Role::listener || session.proven() || session.is_this_node()) return;
  if (!session.ending() || !session.claimed() || code == CloseCode::unavailable || code == CloseCode::timed_out) return;
  Refusal refusal{.source = session.source(),
                  .code = code,
                  .address = session.address(),
                  .at_ms = clock_ms,
                  .until = now + kShown,
                  .why = session.end_text()};
  if (code == CloseCode::not_trusted) refusal.peer = session.claimed();  // that comes behind the proof
  std::erase_if(refusals_, [&](const Refusal& earlier) {
    return earlier.peer == refusal.peer &&
           (refusal.peer || (earlier.source == refusal.source && earlier.code == refusal.code));
  });
  if (refusals_.size() >= kMost) {
    const auto unproven = std::ranges::find_if(refusals_, [](const Refusal& each) { return !each.peer; });
    refusals_.erase(unproven == refusals_.end() ? refusals_.begin() : unproven);
  }
  refusals_.push_back(std::move(refusal));
}

std::vector<PeerStatus> Refusals::shown(std::chrono::milliseconds now) const {
  std::vector<PeerStatus> rows;
  for (const Refusal& refusal : refusals_) {
    if (refusal.until < now) continue;
    rows.push_back({.peer = refusal.peer,
                    .address = refusal.address,
                    .state = "refused",
                    .since_ms = refusal.at_ms,
                    .last_error = refusal.why});
  }
  return rows;
}

}  // namespace musher::sync
