#include "server/waiting_authors.hpp"

#include "model/canonical_bytes.hpp"
#include "replica/settlement.hpp"

namespace musher {

bool WaitingAuthors::is_news(const AuthorId& author) const {
  return standing_(author) != Standing::allowed && told_.size() < kMostTold && !told_.contains(author);
}

void WaitingAuthors::came(const OpId& id, const AuthorId& author, Time now) {
  if (!is_news(author)) return;
  const auto known = not_judged_.find(author);
  if (known != not_judged_.end())
    known->second = {id, now};
  else if (not_judged_.size() < kMostAtOnce)
    not_judged_.emplace(author, Newest{id, now});
}

void WaitingAuthors::look(LogReader& log, Time now) {
  for (auto each = not_judged_.begin(); each != not_judged_.end();) {
    const auto& [author, newest] = *each;
    const auto waits_there = log.in_quarantine(newest.op);
    const auto entered = log.facts(newest.op);
    if (waits_there && *waits_there) waits(author);
    const bool judged = (waits_there && *waits_there) || (entered && *entered);
    each = judged || now - newest.came > kPatience ? not_judged_.erase(each) : std::next(each);
  }
}

void WaitingAuthors::waits(const AuthorId& author) {
  if (!is_news(author)) return;
  told_.insert(author);
  tell_(author, standing_(author));
}

Result<std::set<AuthorId>> authors_in_quarantine(LogReader& log) {
  MUSHER_TRY(const auto entries, log.quarantine_entries());
  std::set<AuthorId> authors;
  for (const QuarantineEntry& entry : entries) {
    if (authors.size() == WaitingAuthors::kMostTold) break;
    if (!is_waiting(entry.reason)) continue;
    if (const auto op = parse_canonical_bytes(entry.canonical)) authors.insert(op->author);
  }
  return authors;
}

}  // namespace musher
