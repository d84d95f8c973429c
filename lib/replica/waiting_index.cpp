#include "replica/waiting_index.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "replica/settlement.hpp"

namespace musher {
namespace {

/// Ops that are gone, and what they needed, are kept up to a twelfth of all, and this.
constexpr std::size_t kMostGone = 20'000;
/// Of more rows that others appended it is not asked which ops they are.
constexpr std::int64_t kMostNewRows = 1'000;

}  // namespace

WaitingIndex::Mark WaitingIndex::mark_of(const OpId& id) {
  return sip_hash(process_sip_key(), {reinterpret_cast<const char*>(id.hash.data()), id.hash.size()});
}

Result<void> WaitingIndex::refresh(WriteTransaction& log) {
  MUSHER_TRY(const QuarantineExtent now, log.quarantine_extent());
  const auto before = std::exchange(extent_, std::nullopt);
  if (now.newest.is_zero()) {
    if (!marks_.empty()) *this = WaitingIndex();
    return {};
  }
  if (before == now) {
    drop_what_is_gone();
    return look_at_log(log);
  }
  *this = WaitingIndex();
  return log.scan_quarantine([&](const QuarantineEntry& entry) {
    if (!is_waiting(entry.reason)) return true;
    const auto op = parse_canonical_bytes(entry.canonical);
    if (op) add(op_id(entry.canonical), *op, !entry.has_content && !op->content_digest.is_zero());
    return true;
  });
}

/// Whoever appended there need not have told this index.
Result<void> WaitingIndex::look_at_log(LogReader& log) {
  MUSHER_TRY(const auto end, log.last_mark());
  if (log_end_ == LogMark{end.row, end.chain}) return {};
  const std::int64_t more = raw(end.row) - raw(log_end_.row);
  std::optional<Digest> chain;
  if (more > 0 && more <= kMostNewRows) {
    MUSHER_TRY(chain, log.chain_at(log_end_.row));
  }
  if (chain != log_end_.chain) {
    for (Place& place : places_) place.in_log = InLog::unknown;
    return {};
  }
  return log.scan(log_end_.row, end.row, [&](const ScannedRow& row) {
    if (const auto* op = std::get_if<OpRow>(&row)) appended(op->id);
    return true;
  });
}

/// In place: a second index beside a full one would be most of what a flood can make a server hold.
void WaitingIndex::drop_what_is_gone() {
  if (gone_ <= kMostGone + (guests_.size() + needs_.size()) / 12) return;
  // Until the needs are linked anew: of a mark that stays its number, once those before it went.
  const auto now = [&](EntryNumber number) -> EntryNumber& { return places_[number].first_need; };
  for (Place& place : places_) place.first_need = kNoEntry;
  const auto stays = [&](EntryNumber number) { now(number) = 0; };
  AuthorInterner authors;
  std::uint32_t guests = 0, needs = 0;
  for (std::uint32_t at = 0; at < guests_.size(); ++at) {
    Guest guest = guests_[at];
    const EntryNumber number = find(guest.id);
    if (places_[number].guest != at) continue;
    places_[number].guest = guests;
    stays(number);
    for (std::uint32_t i = 0; i < guest.needs; ++i) {
      needs_[needs + i] = needs_[guest.first_need + i];
      stays(needs_[needs + i].what);  // what it erases is one of them
    }
    guest.first_need = needs;
    guest.author = authors.number_of(authors_[guest.author]);
    needs += guest.needs;
    guests_[guests++] = guest;
  }
  guests_.resize(guests);
  needs_.resize(needs);
  authors_ = std::move(authors);

  EntryNumber marks = 0;
  for (EntryNumber number = 0; number < marks_.size(); ++number) {
    if (now(number) == kNoEntry) continue;
    now(number) = marks;
    marks_[marks++] = marks_[number];
  }
  for (Guest& guest : guests_) {
    if (guest.erases != kNoEntry) guest.erases = now(guest.erases);
  }
  for (Need& need : needs_) need = {now(need.who), now(need.what), kNoEntry};
  std::erase_if(places_, [](const Place& place) { return place.first_need == kNoEntry; });
  for (Place& place : places_) place.first_need = kNoEntry;
  marks_.resize(marks);
  for (std::uint32_t at = 0; at < needs_.size(); ++at) {
    needs_[at].next = std::exchange(places_[needs_[at].what].first_need, at);
  }
  slots_ = SlotTable();
  for (const Mark mark : marks_) slots_.add(mark, [this](EntryNumber number) { return marks_[number]; });
  gone_ = 0;
}

EntryNumber WaitingIndex::find(const OpId& id) const {
  const Mark mark = mark_of(id);
  return slots_.find(mark, [&](EntryNumber number) { return marks_[number] == mark; });
}

EntryNumber WaitingIndex::number_of(Mark mark) {
  const EntryNumber known = slots_.find(mark, [&](EntryNumber number) { return marks_[number] == mark; });
  if (known != kNoEntry) return known;
  marks_.push_back(mark);
  places_.emplace_back();
  return slots_.add(mark, [this](EntryNumber number) { return marks_[number]; });
}

void WaitingIndex::add(const OpId& id, const Op& op, bool lacks_content) {
  const EntryNumber number = number_of(mark_of(id));
  if (const auto known = places_[number].guest; known != kNoEntry) {
    if (!lacks_content) guests_[known].lacks_content = false;
    return;
  }
  std::vector<EntryNumber> needs;
  for (const OpId& needed : dependencies(op)) needs.push_back(number_of(mark_of(needed)));
  add(number, id, op.author, op.kind == OpKind::erase ? number_of(mark_of(op.target)) : kNoEntry, lacks_content, needs);
}

void WaitingIndex::add(EntryNumber number, const OpId& id, const AuthorId& author, EntryNumber erases,
                       bool lacks_content, const std::vector<EntryNumber>& needs) {
  places_[number].guest = static_cast<std::uint32_t>(guests_.size());
  guests_.push_back({id, authors_.number_of(author), erases, static_cast<std::uint32_t>(needs_.size()),
                     static_cast<std::uint16_t>(needs.size()), lacks_content});
  for (const EntryNumber needed : needs) {
    needs_.push_back({number, needed, places_[needed].first_need});
    places_[needed].first_need = static_cast<std::uint32_t>(needs_.size() - 1);
  }
}

void WaitingIndex::remove(const OpId& id) {
  const EntryNumber number = find(id);
  if (number == kNoEntry || places_[number].guest == kNoEntry) return;
  gone_ += 1U + guests_[std::exchange(places_[number].guest, kNoEntry)].needs;
  places_[number].in_log = InLog::unknown;
}

void WaitingIndex::content_gone(const OpId& id) {
  const EntryNumber number = find(id);
  if (number != kNoEntry && places_[number].guest != kNoEntry) guests_[places_[number].guest].lacks_content = true;
}

void WaitingIndex::appended(const OpId& id) {
  if (const EntryNumber number = find(id); number != kNoEntry) places_[number].in_log = InLog::yes;
}

bool WaitingIndex::waits(const OpId& id) const {
  const EntryNumber number = find(id);
  return number != kNoEntry && places_[number].guest != kNoEntry;
}

bool WaitingIndex::is_needed(const OpId& id) const {
  const EntryNumber number = find(id);
  if (number == kNoEntry) return false;
  for (auto need = places_[number].first_need; need != kNoEntry; need = needs_[need].next) {
    if (places_[needs_[need].who].guest != kNoEntry) return true;
  }
  return false;
}

/// One question. An op that waits has hope when all it depends on is in the log or has hope too, and its content is
/// there or an erase of it waits.
class WaitingIndex::Search {
 public:
  Search(WaitingIndex& index, LogReader& log) : index_(index), log_(log), hopes_(index.marks_.size()) {}

  Result<std::vector<OpId>> run(const TrustPolicy& trust, std::span<const OpId> because_of) {
    const auto is_heard = [&](EntryNumber number) { return trust.would_hear(index_.authors_[guest(number)->author]); };
    MUSHER_TRY(auto heard, reach(because_of));
    std::erase_if(heard, [&](EntryNumber number) { return !is_heard(number); });
    if (heard.empty()) return std::vector<OpId>();
    MUSHER_TRY(const auto entering, with_what_they_need(std::move(heard)));
    take_hope_without_erase(entering);
    std::vector<OpId> ids;
    bool any_is_heard = false;
    for (const EntryNumber number : entering) {
      if (hopes_[number] != Hope::some) continue;
      any_is_heard |= is_heard(number);
      ids.push_back(guest(number)->id);
    }
    if (!any_is_heard) ids.clear();
    return ids;
  }

 private:
  enum class Hope : std::uint8_t { unknown, none, some };

  [[nodiscard]] const Guest* guest(EntryNumber number) const {
    const auto place = index_.places_[number].guest;
    return place == kNoEntry ? nullptr : &index_.guests_[place];
  }
  [[nodiscard]] EntryNumber need(const Guest& of, std::size_t at) const {
    return index_.needs_[of.first_need + at].what;
  }
  template <class Visit>
  void each_that_needs(EntryNumber number, const Visit& visit) const {
    for (auto at = index_.places_[number].first_need; at != kNoEntry; at = index_.needs_[at].next) {
      if (guest(index_.needs_[at].who) != nullptr) visit(index_.needs_[at].who);
    }
  }
  template <class Visit>
  void each_that_erases(EntryNumber number, const Visit& visit) const {
    each_that_needs(number, [&](EntryNumber who) {
      if (guest(who)->erases == number) visit(who);
    });
  }
  /// What an erase erases, if that waits for it.
  [[nodiscard]] std::optional<EntryNumber> erased_by(EntryNumber number) const {
    const EntryNumber target = guest(number)->erases;
    if (target == kNoEntry || guest(target) == nullptr || !guest(target)->lacks_content) return std::nullopt;
    return target;
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
      const EntryNumber number = index_.find(id);
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
      if (const auto erased = erased_by(number)) look_at(*erased);
    }
    return reached;
  }

  /// Takes it for granted that an erase which waits has hope.
  Result<bool> has_hope_of(EntryNumber wanted) {
    struct Step {
      EntryNumber number;
      std::size_t next = 0;
    };
    std::vector<Step> path;
    const auto enter = [&](EntryNumber number) -> Result<void> {
      MUSHER_TRY(const bool may_have, holds_by_itself(number));
      if (may_have) {
        path.push_back({number});
      } else {
        hopes_[number] = Hope::none;
      }
      return {};
    };
    if (hopes_[wanted] == Hope::unknown) MUSHER_CHECK(enter(wanted));
    while (!path.empty()) {
      Step& step = path.back();
      const Guest& waiting = *guest(step.number);
      if (step.next == waiting.needs) {
        hopes_[step.number] = Hope::some;
        path.pop_back();
        continue;
      }
      const EntryNumber needed = need(waiting, step.next);
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
    bool all_known = true;
    for (std::size_t at = 0; at < waiting.needs; ++at) {
      const EntryNumber needed = need(waiting, at);
      if (guest(needed) != nullptr) continue;
      const InLog in_log = index_.places_[needed].in_log;
      if (in_log == InLog::no) return false;
      if (in_log == InLog::yes) hopes_[needed] = Hope::some;
      all_known &= in_log == InLog::yes;
    }
    if (!all_known) {
      MUSHER_TRY(const bool all_there, others_are_in_log(waiting));
      if (!all_there) return false;
    }
    bool has_what_it_says = !waiting.lacks_content;
    if (!has_what_it_says) each_that_erases(number, [&](EntryNumber) { has_what_it_says = true; });
    return has_what_it_says;
  }

  /// What it needs and does not wait. Only the op itself has their ids.
  Result<bool> others_are_in_log(const Guest& waiting) {
    MUSHER_TRY(const auto copies, log_.quarantine_entries_of(waiting.id));
    const auto op = copies.empty() ? std::nullopt : std::optional(parse_canonical_bytes(copies.front().canonical));
    if (!op || !*op) return false;  // it was taken out, or is not what it was
    for (const OpId& id : dependencies(**op)) {
      const EntryNumber needed = index_.find(id);
      if (needed == kNoEntry) return false;
      if (guest(needed) != nullptr || hopes_[needed] == Hope::some) continue;
      MUSHER_TRY(const auto facts, log_.facts(id));
      index_.places_[needed].in_log = facts ? InLog::yes : InLog::no;
      if (!facts) return false;
      hopes_[needed] = Hope::some;
    }
    return true;
  }

  Result<std::vector<EntryNumber>> with_what_they_need(std::vector<EntryNumber> open) {
    std::vector<EntryNumber> found;
    std::vector<bool> seen(hopes_.size());
    while (!open.empty()) {
      const EntryNumber number = open.back();
      open.pop_back();
      if (guest(number) == nullptr || seen[number]) continue;
      seen[number] = true;
      MUSHER_TRY(const bool has_hope, has_hope_of(number));
      if (!has_hope) continue;
      found.push_back(number);
      for (std::size_t at = 0; at < guest(number)->needs; ++at) open.push_back(need(*guest(number), at));
      if (guest(number)->lacks_content) each_that_erases(number, [&](EntryNumber erase) { open.push_back(erase); });
    }
    return found;
  }

  /// Of these: whoever lacks content and has no erase with hope, and so on upwards.
  void take_hope_without_erase(const std::vector<EntryNumber>& numbers) {
    std::vector<EntryNumber> open;
    std::unordered_map<EntryNumber, std::size_t> erases;  // with hope: counted once, since a target may have any number
    for (const EntryNumber number : numbers) {
      if (hopes_[number] != Hope::some || !guest(number)->lacks_content) continue;
      std::size_t count = 0;
      each_that_erases(number, [&](EntryNumber erase) {
        if (hopes_[erase] == Hope::some) ++count;
      });
      erases.emplace(number, count);
      if (count == 0) open.push_back(number);
    }
    while (!open.empty()) {
      const EntryNumber number = open.back();
      open.pop_back();
      if (hopes_[number] != Hope::some) continue;
      hopes_[number] = Hope::none;
      each_that_needs(number, [&](EntryNumber who) { open.push_back(who); });
      const auto erased = erased_by(number);
      const auto left = erased ? erases.find(*erased) : erases.end();
      if (left != erases.end() && --left->second == 0) open.push_back(*erased);
    }
  }

  WaitingIndex& index_;
  LogReader& log_;
  std::vector<Hope> hopes_;  ///< of ops that do not wait: some for those that are in the log
};

Result<std::vector<OpId>> WaitingIndex::may_enter(LogReader& log, const TrustPolicy& trust,
                                                  std::span<const OpId> because_of) {
  if (because_of.empty()) return std::vector<OpId>();
  return Search(*this, log).run(trust, because_of);
}

}  // namespace musher
