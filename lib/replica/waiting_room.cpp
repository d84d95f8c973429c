#include "replica/waiting_room.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace musher {

void WaitingRoom::add(const OpId& id, Op op, bool has_content) {
  const auto [known, is_new] = numbers_.emplace(id, static_cast<Number>(guests_.size()));
  if (is_new) {
    guests_.push_back({id, std::move(op), has_content, State::ignored, {}, {}, {}, 0, 0, Depth{}});
  } else {
    guests_[known->second].has_content |= has_content;
  }
}

void WaitingRoom::link() {
  for (Number number = 0; number < guests_.size(); ++number) {
    Guest& guest = guests_[number];
    for (const OpId& id : dependencies(guest.op)) {
      const auto needed = numbers_.find(id);
      if (needed == numbers_.end()) continue;
      guest.needs.push_back(needed->second);
      guests_[needed->second].needed_by.push_back(number);
    }
    if (guest.op.kind != OpKind::erase) continue;
    const auto target = numbers_.find(guest.op.target);
    if (target != numbers_.end() && lacks_content(guests_[target->second])) {
      guests_[target->second].erased_by.push_back(number);
    }
  }
}

/// An op that may enter now and could not before needs `because_of`, or an erase that is it: so look at whoever needs
/// it, and then at whatever those need.
void WaitingRoom::choose_whom_to_look_at(const std::optional<OpId>& because_of) {
  const auto first = because_of ? numbers_.find(*because_of) : numbers_.end();
  if (first == numbers_.end()) {
    for (Guest& guest : guests_) guest.state = State::undecided;
    return;
  }
  std::vector<Number> found{first->second}, open = found;
  std::vector<bool> seen(guests_.size());
  seen[first->second] = true;
  const auto reach = [&](Number number) {
    if (seen[number]) return;
    seen[number] = true;
    open.push_back(number);
    found.push_back(number);
  };
  while (!open.empty()) {
    const Guest& guest = guests_[open.back()];
    open.pop_back();
    std::ranges::for_each(guest.needed_by, reach);
    if (guest.op.kind != OpKind::erase) continue;
    const auto target = numbers_.find(guest.op.target);
    if (target != numbers_.end() && lacks_content(guests_[target->second])) reach(target->second);
  }
  for (const Number number : found) look_at(number);
}

void WaitingRoom::look_at(Number number) {
  std::vector<Number> open{number};
  while (!open.empty()) {
    Guest& guest = guests_[open.back()];
    open.pop_back();
    if (guest.state != State::ignored) continue;
    guest.state = State::undecided;
    open.insert(open.end(), guest.needs.begin(), guest.needs.end());
    open.insert(open.end(), guest.erased_by.begin(), guest.erased_by.end());
  }
}

Result<void> WaitingRoom::judge(const std::optional<OpId>& because_of) {
  link();
  choose_whom_to_look_at(because_of);
  std::priority_queue<Number, std::vector<Number>, std::greater<>> ready;  // the first that came goes first
  for (Number number = 0; number < guests_.size(); ++number) {
    Guest& guest = guests_[number];
    guest.open_needs = guest.needs.size();
    if (guest.state == State::undecided && guest.open_needs == 0) ready.push(number);
  }
  while (!ready.empty()) {
    const Number number = ready.top();
    ready.pop();
    Guest& guest = guests_[number];
    MUSHER_CHECK(judge_guest(guest));
    if (guest.state != State::hopeful && guest.state != State::in_log) continue;
    if (guest.state == State::hopeful) judged_.push_back(number);
    for (const Number waiting : guest.needed_by) {
      Guest& next = guests_[waiting];
      if (--next.open_needs == 0 && next.state == State::undecided) ready.push(waiting);
    }
  }
  for (const Number number : judged_) {
    for (const Number erase : guests_[number].erased_by) {
      if (guests_[erase].state == State::hopeful) ++guests_[number].open_erases;
    }
  }
  for (const Number number : judged_) {
    const Guest& guest = guests_[number];
    if (guest.state == State::hopeful && lacks_content(guest) && guest.open_erases == 0) give_up(number);
  }
  return {};
}

/// Precondition: those of its dependencies that wait have been judged, and have hope.
Result<void> WaitingRoom::judge_guest(Guest& guest) {
  MUSHER_TRY(const auto* known, in_log(guest.id));
  if (known != nullptr) {
    guest.state = State::in_log;
    stale_.push_back(guest.id);
    return {};
  }
  std::vector<DependencyFacts> facts;
  MUSHER_TRY(const bool complete, knows_dependencies(guest, facts));
  guest.state = State::hopeless;
  if (!complete) return {};
  const auto depth = check_dependencies(guest.op, facts);
  if (!depth) {
    rejected_.emplace(guest.id, depth.error());
    return {};
  }
  guest.depth = *depth;
  guest.state = State::hopeful;
  return {};
}

Result<bool> WaitingRoom::knows_dependencies(const Guest& guest, std::vector<DependencyFacts>& facts) {
  for (const OpId& id : dependencies(guest.op)) {
    const auto waiting = numbers_.find(id);
    if (waiting != numbers_.end() && guests_[waiting->second].state == State::hopeful) {
      const Guest& needed = guests_[waiting->second];
      facts.push_back({id, needed.op.kind, needed.op.author, needed.op.index, needed.depth, needed.op.name});
      continue;
    }
    MUSHER_TRY(const auto* known, in_log(id));
    if (known == nullptr) return false;
    facts.push_back(*known);
  }
  return true;
}

void WaitingRoom::give_up(Number first) {
  std::vector<Number> open{first};
  while (!open.empty()) {
    Guest& guest = guests_[open.back()];
    open.pop_back();
    if (guest.state != State::hopeful) continue;
    guest.state = State::hopeless;
    open.insert(open.end(), guest.needed_by.begin(), guest.needed_by.end());
    if (guest.op.kind != OpKind::erase) continue;
    const auto target = numbers_.find(guest.op.target);
    if (target == numbers_.end()) continue;
    Guest& erased = guests_[target->second];
    if (erased.state == State::hopeful && lacks_content(erased) && --erased.open_erases == 0) {
      open.push_back(target->second);
    }
  }
}

void WaitingRoom::take_out(const OpId& id) { give_up(numbers_.at(id)); }

Result<std::vector<Entrant>> WaitingRoom::entrants() {
  std::vector<Number> open;
  for (const Number number : judged_) {
    const Guest& guest = guests_[number];
    if (guest.state != State::hopeful) continue;
    if (trust_.would_hear(guest.op.author)) open.push_back(number);
  }
  std::vector<bool> chosen(guests_.size());
  while (!open.empty()) {
    const Number number = open.back();
    open.pop_back();
    const Guest& guest = guests_[number];
    if (chosen[number] || guest.state != State::hopeful) continue;  // what it needs may be in the log
    chosen[number] = true;
    open.insert(open.end(), guest.needs.begin(), guest.needs.end());
    if (!lacks_content(guest)) continue;
    open.push_back(
        *std::ranges::find_if(guest.erased_by, [&](Number erase) { return guests_[erase].state == State::hopeful; }));
  }
  std::vector<Entrant> entering;
  for (const Number number : judged_) {
    if (!chosen[number]) continue;
    MUSHER_TRY(const bool erases, erases_now(guests_[number]));
    entering.push_back({guests_[number].id, guests_[number].depth, erases});
  }
  return entering;
}

Result<bool> WaitingRoom::erases_now(const Guest& guest) {
  if (guest.op.kind != OpKind::erase) return false;
  if (!trust_.would_hear(guest.op.author)) return false;
  if (trust_.is_eraser(guest.op.author)) return true;
  if (const auto target = numbers_.find(guest.op.target); target != numbers_.end()) {
    return guests_[target->second].op.author == guest.op.author;
  }
  MUSHER_TRY(const auto* target, in_log(guest.op.target));
  return target != nullptr && target->author == guest.op.author;
}

Result<const DependencyFacts*> WaitingRoom::in_log(const OpId& id) {
  auto found = log_facts_.find(id);
  if (found == log_facts_.end()) {
    MUSHER_TRY(auto facts, log_.facts(id));
    found = log_facts_.emplace(id, std::move(facts)).first;
  }
  return found->second ? &*found->second : nullptr;
}

}  // namespace musher
