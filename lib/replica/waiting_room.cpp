#include "replica/waiting_room.hpp"

#include <algorithm>
#include <set>

namespace musher {
namespace {

bool lacks_content(const VerifiedOp& op) { return !op.op().content_digest.is_zero() && !op.content(); }

}  // namespace

void WaitingRoom::add(VerifiedOp op) {
  const OpId id = op.id();
  if (waiting_.contains(id)) return;
  if (op.op().kind == OpKind::erase) erases_of_[op.op().target].push_back(id);
  waiting_.emplace(id, std::move(op));
}

Result<const DependencyFacts*> WaitingRoom::known(const OpId& id) {
  auto found = log_facts_.find(id);
  if (found == log_facts_.end()) {
    MUSHER_TRY(auto facts, log_.facts(id));
    found = log_facts_.emplace(id, std::move(facts)).first;
  }
  return found->second ? &*found->second : nullptr;
}

Result<void> WaitingRoom::drop_hopeless(std::vector<OpId>& hopeful) {
  std::set<OpId> here(hopeful.begin(), hopeful.end());
  for (bool changed = true; changed;) {
    changed = false;
    for (auto at = here.begin(); at != here.end();) {
      const VerifiedOp& op = waiting_.at(*at);
      bool hope = true;
      for (const OpId& needed : dependencies(op.op())) {
        MUSHER_TRY(const auto* facts, known(needed));
        if (facts == nullptr && !here.contains(needed)) hope = false;
      }
      if (lacks_content(op)) {
        const auto erases = erases_of_.find(*at);
        hope = hope && erases != erases_of_.end() &&
               std::ranges::any_of(erases->second, [&](const OpId& erase) { return here.contains(erase); });
      }
      changed |= !hope;
      at = hope ? std::next(at) : here.erase(at);
    }
  }
  hopeful.assign(here.begin(), here.end());
  return {};
}

Result<std::vector<OpId>> WaitingRoom::wanted(const std::vector<OpId>& hopeful) {
  const std::set<OpId> here(hopeful.begin(), hopeful.end());
  std::vector<OpId> stack;
  for (const OpId& id : hopeful) {
    MUSHER_TRY(const bool heard, trust_.effective(log_, id, waiting_.at(id).op()));
    if (heard) stack.push_back(id);
  }
  std::set<OpId> chosen;
  while (!stack.empty()) {
    const OpId id = stack.back();
    stack.pop_back();
    if (!here.contains(id) || !chosen.insert(id).second) continue;
    const VerifiedOp& op = waiting_.at(id);
    std::ranges::copy(dependencies(op.op()), std::back_inserter(stack));
    if (!lacks_content(op)) continue;
    const auto& erases = erases_of_.at(id);
    stack.push_back(*std::ranges::find_if(erases, [&](const OpId& erase) { return here.contains(erase); }));
  }
  return std::vector<OpId>(chosen.begin(), chosen.end());
}

Result<bool> WaitingRoom::erases_now(const VerifiedOp& op, const Facts& entering) {
  if (op.op().kind != OpKind::erase) return false;
  MUSHER_TRY(const bool heard, trust_.effective(log_, op.id(), op.op()));
  if (!heard) return false;
  if (trust_.is_eraser(op.op().author)) return true;
  if (const auto target = entering.find(op.op().target); target != entering.end()) {
    return target->second.author == op.op().author;
  }
  MUSHER_TRY(const auto* facts, known(op.op().target));
  return facts != nullptr && facts->author == op.op().author;
}

Result<std::vector<Entrant>> WaitingRoom::order(const std::vector<OpId>& chosen, std::map<OpId, Reject>& rejected) {
  std::vector<Entrant> entering;
  Facts facts_of_entering;
  std::vector<OpId> left = chosen;
  for (bool progress = true; progress && !left.empty();) {
    progress = false;
    std::vector<OpId> blocked;
    for (const OpId& id : left) {
      const VerifiedOp& op = waiting_.at(id);
      std::vector<DependencyFacts> facts;
      bool ready = true;
      for (const OpId& needed : dependencies(op.op())) {
        const auto earlier = facts_of_entering.find(needed);
        MUSHER_TRY(const auto* in_log, known(needed));
        if (earlier == facts_of_entering.end() && in_log == nullptr)
          ready = false;
        else
          facts.push_back(in_log != nullptr ? *in_log : earlier->second);
      }
      if (!ready) {
        blocked.push_back(id);
        continue;
      }
      progress = true;
      const auto depth = check_dependencies(op.op(), facts);
      if (!depth) {
        rejected.emplace(id, depth.error());
        continue;
      }
      const Op& fields = op.op();
      facts_of_entering.emplace(id, DependencyFacts{id, fields.kind, fields.author, fields.index, *depth, fields.name});
      MUSHER_TRY(const bool erases, erases_now(op, facts_of_entering));
      entering.push_back({id, *depth, erases});
    }
    left = std::move(blocked);
  }
  return entering;
}

Result<std::vector<Entrant>> WaitingRoom::entrants(std::map<OpId, Reject>& rejected) {
  while (true) {
    std::vector<OpId> hopeful;
    for (const auto& [id, op] : waiting_) {
      if (!rejected.contains(id)) hopeful.push_back(id);
    }
    MUSHER_CHECK(drop_hopeless(hopeful));
    MUSHER_TRY(const auto chosen, wanted(hopeful));
    const std::size_t rejected_before = rejected.size();
    MUSHER_TRY(auto entering, order(chosen, rejected));
    // A reject may take others with it (what depends on it; an op whose only erase it was): choose again without it.
    if (rejected.size() == rejected_before) return entering;
  }
}

}  // namespace musher
