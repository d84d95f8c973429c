#include "replica/waiting_index.hpp"

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "replica/settlement.hpp"

namespace musher {
namespace {

/// What is gone is kept up to as much again as is there, and this.
constexpr std::size_t kLeastRebuild = 100'000;

}  // namespace

Result<void> WaitingIndex::refresh(LogReader& log) {
  MUSHER_TRY(const QuarantineExtent now, log.quarantine_extent());
  const auto last = std::exchange(last_, std::nullopt);
  if (now.empty) {
    if (ids_.size() > 0) clear();
    return {};
  }
  if (last == now.last && needs_.size() + guests_.size() <= 2 * fill_at_rebuild_ + kLeastRebuild) return {};
  clear();
  MUSHER_TRY(const auto entries, log.quarantine_entries());
  for (const QuarantineEntry& entry : entries) {
    if (!is_waiting(entry.reason)) continue;
    const auto op = parse_canonical_bytes(entry.canonical);
    if (op) add(op_id(entry.canonical), *op, !entry.has_content && !op->content_digest.is_zero());
  }
  fill_at_rebuild_ = needs_.size() + guests_.size();
  return {};
}

void WaitingIndex::clear() { *this = WaitingIndex(); }

EntryNumber WaitingIndex::number_of(const OpId& id) {
  const EntryNumber number = ids_.number_of(id);
  if (number == places_.size()) places_.emplace_back();
  return number;
}

void WaitingIndex::add(const OpId& id, const Op& op, bool lacks_content) {
  const EntryNumber number = number_of(id);
  if (const auto known = places_[number].guest; known != kNoEntry) {
    if (!lacks_content) guests_[known].lacks_content = false;
    return;
  }
  Guest guest{op.author, kNoEntry, lacks_content, {}};
  for (const OpId& needed : dependencies(op)) {
    const EntryNumber other = number_of(needed);
    guest.needs.push_back(other);
    needs_.push_back({number, places_[other].first_need});
    places_[other].first_need = static_cast<std::uint32_t>(needs_.size() - 1);
  }
  if (op.kind == OpKind::erase) guest.erases = number_of(op.target);
  places_[number].guest = static_cast<std::uint32_t>(guests_.size());
  guests_.push_back(std::move(guest));
}

void WaitingIndex::remove(const OpId& id) {
  if (const EntryNumber number = ids_.find(id); number != kNoEntry) places_[number].guest = kNoEntry;
}

bool WaitingIndex::waits(const OpId& id) const {
  const EntryNumber number = ids_.find(id);
  return number != kNoEntry && places_[number].guest != kNoEntry;
}

bool WaitingIndex::is_needed(const OpId& id) const {
  const EntryNumber number = ids_.find(id);
  if (number == kNoEntry) return false;
  for (auto need = places_[number].first_need; need != kNoEntry; need = needs_[need].next) {
    if (places_[needs_[need].who].guest != kNoEntry) return true;
  }
  return false;
}

/// One question. An op that waits has hope when all it depends on is in the log or has hope too, and its content is
/// there or an erase of it waits. (Whether that erase has hope is left to the WaitingRoom.)
class WaitingIndex::Search {
 public:
  Search(const WaitingIndex& index, LogReader& log) : index_(index), log_(log), hopes_(index.ids_.size()) {}

  Result<std::vector<OpId>> run(const TrustPolicy& trust, std::span<const OpId> because_of) {
    MUSHER_TRY(auto reached, reach(because_of));
    std::erase_if(reached, [&](EntryNumber number) { return !trust.would_hear(guest(number)->author); });
    return with_what_they_need(std::move(reached));
  }

 private:
  enum class Hope : std::uint8_t { unknown, none, some };

  [[nodiscard]] const Guest* guest(EntryNumber number) const {
    const auto place = index_.places_[number].guest;
    return place == kNoEntry ? nullptr : &index_.guests_[place];
  }
  template <class Visit>
  void each_that_needs(EntryNumber number, const Visit& visit) const {
    for (auto need = index_.places_[number].first_need; need != kNoEntry; need = index_.needs_[need].next) {
      if (guest(index_.needs_[need].who) != nullptr) visit(index_.needs_[need].who);
    }
  }
  template <class Visit>
  void each_that_erases(EntryNumber number, const Visit& visit) const {
    each_that_needs(number, [&](EntryNumber who) {
      if (guest(who)->erases == number) visit(who);
    });
  }

  /// Upwards from these: whoever has hope, and needs one of them or is erased by one.
  Result<std::vector<EntryNumber>> reach(std::span<const OpId> because_of) {
    std::vector<EntryNumber> open, reached;
    std::vector<bool> seen(hopes_.size());
    const auto look_at = [&](EntryNumber number) {
      if (seen[number]) return;
      seen[number] = true;
      open.push_back(number);
    };
    for (const OpId& id : because_of) {
      const EntryNumber number = index_.ids_.find(id);
      if (number == kNoEntry) continue;
      if (guest(number) != nullptr) {
        look_at(number);
      } else {
        each_that_needs(number, look_at);
      }
    }
    while (!open.empty()) {
      const EntryNumber number = open.back();
      open.pop_back();
      MUSHER_TRY(const bool has_hope, has_hope_of(number));
      if (!has_hope) continue;
      reached.push_back(number);
      each_that_needs(number, look_at);
      const EntryNumber erased = guest(number)->erases;
      if (erased != kNoEntry && guest(erased) != nullptr && guest(erased)->lacks_content) look_at(erased);
    }
    return reached;
  }

  Result<bool> has_hope_of(EntryNumber wanted) {
    struct Step {
      EntryNumber number;
      std::size_t next = 0;
    };
    std::vector<Step> path;
    const auto enter = [&](EntryNumber number) -> Result<void> {
      MUSHER_TRY(const bool may_have, holds_by_itself(number));
      if (may_have)
        path.push_back({number});
      else
        hopes_[number] = Hope::none;
      return {};
    };
    if (hopes_[wanted] == Hope::unknown) MUSHER_CHECK(enter(wanted));
    while (!path.empty()) {
      Step& step = path.back();
      const auto& needs = guest(step.number)->needs;
      if (step.next == needs.size()) {
        hopes_[step.number] = Hope::some;
        path.pop_back();
        continue;
      }
      const EntryNumber needed = needs[step.next];
      if (hopes_[needed] == Hope::unknown) {
        MUSHER_CHECK(enter(needed));
      } else if (hopes_[needed] == Hope::some) {
        ++step.next;
      } else {
        hopes_[step.number] = Hope::none;
        path.pop_back();
      }
    }
    return hopes_[wanted] == Hope::some;
  }

  /// Whether nothing but what waits can take its hope. What is not in the log and does not wait has none.
  Result<bool> holds_by_itself(EntryNumber number) {
    const Guest& waiting = *guest(number);
    for (const EntryNumber needed : waiting.needs) {
      if (guest(needed) != nullptr || hopes_[needed] == Hope::some) continue;
      if (hopes_[needed] == Hope::none) return false;
      MUSHER_TRY(const auto facts, log_.facts(index_.ids_[needed]));
      hopes_[needed] = facts ? Hope::some : Hope::none;
      if (!facts) return false;
    }
    bool has_what_it_says = !waiting.lacks_content;
    if (!has_what_it_says) each_that_erases(number, [&](EntryNumber) { has_what_it_says = true; });
    return has_what_it_says;
  }

  Result<std::vector<OpId>> with_what_they_need(std::vector<EntryNumber> open) {
    std::vector<OpId> ids;
    std::vector<bool> seen(hopes_.size());
    while (!open.empty()) {
      const EntryNumber number = open.back();
      open.pop_back();
      if (guest(number) == nullptr || seen[number]) continue;
      seen[number] = true;
      MUSHER_TRY(const bool has_hope, has_hope_of(number));
      if (!has_hope) continue;
      ids.push_back(index_.ids_[number]);
      std::ranges::copy(guest(number)->needs, std::back_inserter(open));
      if (guest(number)->lacks_content) each_that_erases(number, [&](EntryNumber erase) { open.push_back(erase); });
    }
    return ids;
  }

  const WaitingIndex& index_;
  LogReader& log_;
  std::vector<Hope> hopes_;  ///< of ops that do not wait: whether they are in the log
};

Result<std::vector<OpId>> WaitingIndex::may_enter(LogReader& log, const TrustPolicy& trust,
                                                  std::span<const OpId> because_of) const {
  return Search(*this, log).run(trust, because_of);
}

}  // namespace musher
