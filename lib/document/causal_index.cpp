#include "document/causal_index.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <functional>

#include "model/sip_hash.hpp"

namespace musher {
namespace {

/// Keyed: in which order branches come is an author's choice.
std::uint64_t pair_hash(EntryNumber branch, EntryNumber other) {
  return sip_hash(process_sip_key(), std::uint64_t{branch} << 32 | other);
}

}  // namespace

CausalIndex::Prefix CausalIndex::prefix_of(const OpId& id) {
  Prefix prefix;
  std::memcpy(&prefix, id.hash.data(), sizeof prefix);
  return prefix;
}

std::uint64_t CausalIndex::hash_of(const Prefix& prefix) { return sip_hash(process_sip_key(), prefix.first); }

EntryNumber CausalIndex::find(const OpId& id) const {
  const Prefix prefix = prefix_of(id);
  return slots_.find(hash_of(prefix), [&](EntryNumber op) { return prefixes_[op] == prefix; });
}

bool CausalIndex::numbers_of_dependencies(const Op& op, std::vector<EntryNumber>& numbers) const {
  numbers.clear();
  const auto add = [&](const OpId& id) {
    numbers.push_back(find(id));
    return numbers.back() != kNoEntry;
  };
  if (!op.prev.is_zero() && !add(op.prev)) return false;
  if (!op.target.is_zero() && !add(op.target)) return false;
  // Mostly the only head is the author's own last op: no need to look it up twice.
  return std::all_of(op.parents.begin(), op.parents.end(), [&](const OpId& id) { return id == op.prev || add(id); });
}

EntryNumber CausalIndex::branch_for(EntryNumber op, EntryNumber prev) {
  if (prev != kNoEntry) {
    const EntryNumber branch = branch_of_[prev];
    if (branches_[branch].tip == prev) {
      branches_[branch].tip = op;
      return branch;
    }
  }
  branches_.push_back({.tip = op});
  return static_cast<EntryNumber>(branches_.size() - 1);
}

void CausalIndex::note_merge(EntryNumber op, EntryNumber dependency) {
  const EntryNumber branch = branch_of_[op];
  const EntryNumber other = branch_of_[dependency];
  if (branch == other) return;
  EntryNumber merges = merge_slots_.find(pair_hash(branch, other), [&](EntryNumber number) {
    return merges_[number].branch == branch && merges_[number].other == other;
  });
  if (merges == kNoEntry) {
    merges_.push_back({branch, other, branches_[branch].merges, {}});
    merges = merge_slots_.add(pair_hash(branch, other), [this](EntryNumber number) {
      return pair_hash(merges_[number].branch, merges_[number].other);
    });
    branches_[branch].merges = merges;
  } else if (merges_[merges].steps.last_value() >= dependency) {
    return;
  }
  merges_[merges].steps.add(op, dependency);
}

bool CausalIndex::add(const OpId& id, const Op& op) {
  if (contains(id)) return true;
  if (!numbers_of_dependencies(op, dependencies_)) return false;

  const EntryNumber number = slots_.size();
  branch_of_.push_back(branch_for(number, op.prev.is_zero() ? kNoEntry : dependencies_.front()));
  prefixes_.push_back(prefix_of(id));
  slots_.add(hash_of(prefixes_.back()), [this](EntryNumber earlier) { return hash_of(prefixes_[earlier]); });

  // The newest first: of several dependencies in one branch only it is noted.
  std::sort(dependencies_.begin(), dependencies_.end(), std::greater());
  for (const EntryNumber dependency : dependencies_) note_merge(number, dependency);
  known_purges_.add(dependencies_, op.is_purge() ? purges_++ : kNoEntry);
  return true;
}

/// Calls visit(branch, op) with ops that any of `known` descends from, among them the newest of each other branch, as
/// far as they are not older than `oldest`; until it says false.
template <class Visit>
void CausalIndex::visit_known_to_any(std::vector<EntryNumber> known, EntryNumber oldest, const Visit& visit) const {
  // Newest first: a step leads to an older op, so the first op seen of a branch is the newest known of it.
  std::ranges::make_heap(known);
  std::vector<bool> seen(branches_.size());
  while (!known.empty()) {
    std::pop_heap(known.begin(), known.end());
    const EntryNumber newest = known.back();
    known.pop_back();
    const EntryNumber branch = branch_of_[newest];
    if (seen[branch]) continue;
    seen[branch] = true;
    for (EntryNumber number = branches_[branch].merges; number != kNoEntry; number = merges_[number].next) {
      const Merges& merges = merges_[number];
      if (merges.steps.last_value() < oldest || seen[merges.other]) continue;
      const std::uint32_t upto = merges.steps.at(newest);
      if (upto == Steps::kNothing || upto < oldest) continue;
      if (!visit(merges.other, upto)) return;
      if (branches_[merges.other].merges == kNoEntry) continue;  // it leads nowhere
      known.push_back(upto);
      std::push_heap(known.begin(), known.end());
    }
  }
}

CausalIndex::Place CausalIndex::place_of(const OpId& op) const {
  const EntryNumber number = find(op);
  assert(number != kNoEntry);
  return {branch_of_[number], number};
}

void CausalIndex::visit_known(Place op, EntryNumber oldest, const std::function<bool(Place)>& visit) const {
  if (!visit(op)) return;
  visit_known_to_any({op.op}, oldest, [&](EntryNumber branch, EntryNumber known) { return visit({branch, known}); });
}

Result<bool> CausalIndex::precedes(const OpId& ancestor, const OpId& descendant) const {
  const EntryNumber sought = find(ancestor);
  const EntryNumber start = find(descendant);
  if (sought == kNoEntry || start == kNoEntry || sought >= start) return false;
  const EntryNumber goal = branch_of_[sought];
  if (branch_of_[start] == goal) return true;
  bool met = false;
  visit_known_to_any({start}, sought, [&](EntryNumber branch, EntryNumber) {
    met = branch == goal;
    return !met;
  });
  return met;
}

Result<std::vector<bool>> CausalIndex::any_descends_from(std::span<const OpId> ops,
                                                         std::span<const OpId> earlier) const {
  std::vector<EntryNumber> starts;
  for (const OpId& op : ops) {
    if (const EntryNumber start = find(op); start != kNoEntry) starts.push_back(start);
  }
  std::vector<bool> precede(earlier.size());
  if (starts.empty() || earlier.empty()) return precede;
  std::vector<EntryNumber> sought(earlier.size());
  std::ranges::transform(earlier, sought.begin(), [&](const OpId& id) { return find(id); });
  std::vector<EntryNumber> beyond(branches_.size());  // of each branch, the first op that none of them may know
  for (const EntryNumber start : starts) beyond[branch_of_[start]] = std::max(beyond[branch_of_[start]], start);
  visit_known_to_any(std::move(starts), std::ranges::min(sought), [&](EntryNumber branch, EntryNumber op) {
    beyond[branch] = std::max(beyond[branch], op + 1);
    return true;
  });
  for (std::size_t at = 0; at < sought.size(); ++at) {
    precede[at] = sought[at] != kNoEntry && sought[at] < beyond[branch_of_[sought[at]]];
  }
  return precede;
}

Result<std::uint32_t> CausalIndex::purge_number(const OpId& purge) const {
  const EntryNumber op = find(purge);
  return op == kNoEntry ? kNoEntry : known_purges_.purge_number(op);
}

Result<bool> CausalIndex::descends_from_all(const OpId& descendant, const NumberSet& purges) const {
  if (purges.empty()) return true;
  const EntryNumber op = find(descendant);
  return op != kNoEntry && known_purges_.knows_all(op, purges);
}

}  // namespace musher
