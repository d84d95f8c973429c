#include "server/muted_authors.hpp"

namespace musher {

void MutedAuthors::look(LiveLog& live) {
  const std::pair now{live.muted(), live.live().trust_changes()};
  if (live.muted() == 0 || now == seen_ || !live.problem().empty()) return;
  const auto tips = live.log().tips();
  if (!tips) return;  // another time
  seen_ = now;
  for (const Tip& tip : *tips) {
    const bool is_unknown = live.live().trust().standing(tip.author) == Standing::unknown;
    if (is_unknown && told_.size() < kMostTold && told_.insert(tip.author).second) tell_(tip.author);
  }
}

}  // namespace musher
