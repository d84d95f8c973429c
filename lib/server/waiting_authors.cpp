#include "server/waiting_authors.hpp"

#include <algorithm>

#include "model/canonical_bytes.hpp"
#include "replica/settlement.hpp"

namespace musher {

bool WaitingAuthors::is_news(const AuthorId& author) const {
  return standing_(author) != Standing::allowed && told_.size() < kMostTold && !told_.contains(author);
}

void WaitingAuthors::came(const OpId& id, const AuthorId& author, Time now) {
  if (standing_(author) == Standing::allowed) {
    if (!told_.empty()) told_.erase(author);  // trusted since: news if that ends
    return;
  }
  if (!is_news(author)) return;
  const auto known = not_judged_.find(author);
  if (known != not_judged_.end())
    known->second = {id, now};
  else if (not_judged_.size() < kMostAtOnce)
    not_judged_.emplace(author, Newest{id, now});
  else
    missed_ = true;
}

void WaitingAuthors::look(LogReader& log, Time now) {
  for (auto each = not_judged_.begin(); each != not_judged_.end();) {
    const auto& [author, newest] = *each;
    const auto kept = log.quarantine_entries_of(newest.op);
    const auto entered = log.facts(newest.op);
    const bool waiting = kept && std::ranges::any_of(*kept, is_waiting, &QuarantineEntry::reason);
    if (waiting) waits(author);
    const bool judged = (kept && !kept->empty()) || (entered && *entered);
    each = judged || now - newest.came > kPatience ? not_judged_.erase(each) : std::next(each);
  }
}

bool WaitingAuthors::wants_all(Time now) {
  if (!missed_ || now < next_all_) return false;
  missed_ = false;
  next_all_ = now + kPatience;
  return true;
}

void WaitingAuthors::waits(const AuthorId& author) {
  if (!is_news(author)) return;
  told_.insert(author);
  tell_(author, standing_(author));
}

Result<std::set<AuthorId>> authors_in_quarantine(LogReader& log) {
  std::set<AuthorId> authors;
  MUSHER_CHECK(log.scan_quarantine([&](const QuarantineEntry& entry) {
    if (!is_waiting(entry.reason)) return true;
    const auto op = parse_canonical_bytes(entry.canonical);
    if (op) authors.insert(op->author);
    return authors.size() < WaitingAuthors::kMostTold;
  }));
  return authors;
}

}  // namespace musher
