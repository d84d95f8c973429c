#include "server/muted_authors.hpp"

namespace musher {

void MutedAuthors::look(const LiveLog& live) {
  const std::pair now{live.muted_authors().size(), live.live().trust_changes()};
  if (now == std::exchange(seen_, now)) return;
  for (const AuthorId& author : live.muted_authors()) {
    const bool is_unknown = live.live().trust().standing(author) == Standing::unknown;
    if (is_unknown && told_.size() < LiveLog::kMostMutedAuthors && told_.insert(author).second) tell_(author);
  }
}

}  // namespace musher
