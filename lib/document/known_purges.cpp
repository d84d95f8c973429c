#include "document/known_purges.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace musher {
namespace {

/// What joining this many words costs, in steps of a walk.
std::uint64_t steps_of(std::size_t words) { return 1 + words / 64; }

}  // namespace

EntryNumber KnownPurges::entry_of(EntryNumber op) const { return op < before_ ? kNoEntry : entry_of_[op - before_]; }

EntryNumber KnownPurges::end_of(EntryNumber entry) const {
  return entry + 1 < entries_.size() ? entries_[entry + 1].first : static_cast<EntryNumber>(made_from_.size());
}

EntryNumber KnownPurges::purge_number(EntryNumber op) const {
  const EntryNumber entry = entry_of(op);
  return entry == kNoEntry ? kNoEntry : entries_[entry].purge;
}

void KnownPurges::add(std::span<const EntryNumber> dependencies, EntryNumber purge) {
  joined_.clear();
  for (const EntryNumber dependency : dependencies) {
    if (const EntryNumber entry = entry_of(dependency); entry != kNoEntry) joined_.push_back(entry);
  }
  if (purge == kNoEntry && joined_.empty()) {
    if (entry_of_.empty()) {
      ++before_;
    } else {
      entry_of_.push_back(kNoEntry);
    }
    return;
  }
  std::ranges::sort(joined_, std::greater());
  joined_.erase(std::unique(joined_.begin(), joined_.end()), joined_.end());
  if (joined_.size() > 1) {  // an author who read another's op and goes on: mostly that one was made from his own
    const auto at = made_from_.begin();
    const auto first = at + entries_[joined_.front()].first, end = at + end_of(joined_.front());
    std::erase_if(joined_, [&](EntryNumber entry) { return std::binary_search(first, end, entry, std::greater()); });
  }
  if (purge == kNoEntry && joined_.size() == 1) {
    entry_of_.push_back(joined_.front());
    return;
  }

  std::uint64_t walk = 1;
  for (const EntryNumber entry : joined_) {
    shorten(entry);
    walk += entries_[entry].walk;
  }
  if (purge != kNoEntry) words_ = std::max(words_, purge / std::size_t{64} + 1);
  walk = std::min<std::uint64_t>(walk, std::numeric_limits<std::uint32_t>::max());
  entry_of_.push_back(static_cast<EntryNumber>(entries_.size()));
  entries_.push_back({purge, static_cast<EntryNumber>(made_from_.size()), static_cast<std::uint32_t>(walk), kNoEntry});
  made_from_.insert(made_from_.end(), joined_.begin(), joined_.end());
}

/// The steps of a walk that has its bits kept.
std::uint64_t KnownPurges::worth_keeping() const {
  const std::uint64_t left = most_kept_ - kept_bytes_;
  if (left < words_ * sizeof(std::uint64_t)) return std::numeric_limits<std::uint64_t>::max();
  return (64 + words_ / 4) * (most_kept_ / left);
}

/// For an entry that others are made from.
void KnownPurges::shorten(EntryNumber number) {
  Entry& entry = entries_[number];
  const std::uint64_t worth = worth_keeping();
  if (entry.kept != kNoEntry || entry.walk < worth) return;
  std::uint64_t walk = collect(number);
  if (walk >= worth) {  // else what lies below it was counted several times
    const auto zeros =
        std::ranges::find_if(known_.rbegin(), known_.rend(), [](std::uint64_t word) { return word != 0; });
    kept_.emplace_back(known_.begin(), zeros.base());
    kept_bytes_ += kept_.back().size() * sizeof(std::uint64_t);
    entry.kept = static_cast<EntryNumber>(kept_.size() - 1);
    walk = steps_of(kept_.back().size());
  }
  entry.walk = static_cast<std::uint32_t>(std::min<std::uint64_t>(walk, std::numeric_limits<std::uint32_t>::max()));
}

/// Sets known_ to what this entry knows. Returns the steps it took.
std::uint64_t KnownPurges::collect(EntryNumber from) {
  known_.assign(words_, 0);
  return walk(
      from,
      [this](EntryNumber purge) {
        known_[purge / 64] |= std::uint64_t{1} << purge % 64;
        return true;
      },
      [this](const Bits& bits) {
        for (std::size_t at = 0; at < bits.size(); ++at) known_[at] |= bits[at];
        return true;
      });
}

/// Calls on_purge with purges and on_bits with sets of them that are all this entry knows, until one says false.
/// Returns the steps it took.
template <class OnPurge, class OnBits>
std::uint64_t KnownPurges::walk(EntryNumber from, const OnPurge& on_purge, const OnBits& on_bits) const {
  open_.assign(1, from);
  std::uint64_t steps = 0;
  for (EntryNumber last = kNoEntry; !open_.empty();) {
    std::ranges::pop_heap(open_);
    const EntryNumber newest = open_.back();
    open_.pop_back();
    ++steps;
    if (newest == last) continue;  // what leads to it is newer, and came before: it comes all its times in a row
    last = newest;
    const Entry& entry = entries_[newest];
    if (entry.kept != kNoEntry) {
      steps += steps_of(kept_[entry.kept].size());
      if (!on_bits(kept_[entry.kept])) break;
      continue;
    }
    if (entry.purge != kNoEntry && !on_purge(entry.purge)) break;
    for (EntryNumber at = entry.first; at < end_of(newest); ++at) {
      open_.push_back(made_from_[at]);
      std::ranges::push_heap(open_);
    }
  }
  return steps;
}

bool KnownPurges::knows_all(EntryNumber op, const NumberSet& purges) const {
  missing_.start(purges);
  const EntryNumber entry = entry_of(op);
  if (entry == kNoEntry || missing_.none()) return missing_.none();
  const auto found = [this](const auto& some) {
    missing_.found(some);
    return !missing_.none();
  };
  walk(entry, found, found);
  return missing_.none();
}

}  // namespace musher
