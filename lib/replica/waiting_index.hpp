#pragma once
// What the ops in quarantine wait for, kept between transactions: which of them an op that comes may let in is found
// without reading the others. About 60 bytes for each that waits and 35 for each op that it needs.

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "document/interner.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

class WaitingIndex {
 public:
  /// Makes it fit the quarantine as it is now, in doubt again until settled_at(). All of it is read again when somebody
  /// else has put anything there or taken it out: an op that is in the log must not be taken for one that waits.
  Result<void> refresh(WriteTransaction& log);
  /// What was told since refresh() is durable; `end` is the end of the log.
  void settled_at(const QuarantineExtent& now, const LogMark& end) {
    extent_ = now;
    log_end_ = end;
  }

  /// An op was put there; of one that is there already, perhaps a copy with content.
  void add(const OpId& id, const Op& op, bool lacks_content);
  void remove(const OpId& id);
  /// Its copy with content is gone; one without is left.
  void content_gone(const OpId& id);
  /// An op was appended to the log.
  void appended(const OpId& id);

  [[nodiscard]] bool waits(const OpId& id) const;
  /// Something that waits depends on it.
  [[nodiscard]] bool is_needed(const OpId& id) const;

  /// Of the ops that wait those that may enter because each of these has come into the log, or to wait, with all that
  /// they need and that waits too; some more, perhaps, and none when nothing enters. Whoever is left out cannot enter,
  /// if trust and the rest of the log are what they were when the last question was answered.
  /// Cost: the ops that wait for these, directly or not, and what those need; the log is asked once for each op needed.
  [[nodiscard]] Result<std::vector<OpId>> may_enter(LogReader& log, const TrustPolicy& trust,
                                                    std::span<const OpId> because_of);

 private:
  class Search;
  /// An op is known by a keyed hash of its id: who makes ops cannot make two that are one here.
  using Mark = std::uint64_t;
  [[nodiscard]] static Mark mark_of(const OpId& id);

  struct Guest {
    OpId id;
    EntryNumber author = kNoEntry;
    EntryNumber erases = kNoEntry;  ///< what an erase erases
    std::uint32_t first_need = 0;   ///< those of it stand one behind the other
    std::uint16_t needs = 0;
    bool lacks_content = false;
  };
  enum class InLog : std::uint8_t { unknown, yes, no };
  /// Of a mark: the op, if it waits, and who needs it.
  struct Place {
    std::uint32_t guest = kNoEntry;
    std::uint32_t first_need = kNoEntry;
    InLog in_log = InLog::unknown;  ///< of one that does not wait
  };
  /// One op needs another.
  struct Need {
    EntryNumber who = kNoEntry;
    EntryNumber what = kNoEntry;
    std::uint32_t next = kNoEntry;  ///< of the same `what`
  };

  [[nodiscard]] EntryNumber find(const OpId& id) const;
  EntryNumber number_of(Mark mark);
  void add(EntryNumber number, const OpId& id, const AuthorId& author, EntryNumber erases, bool lacks_content,
           const std::vector<EntryNumber>& needs);
  void drop_what_is_gone();
  Result<void> look_at_log(LogReader& log);

  SlotTable slots_;
  std::deque<Mark> marks_;
  std::deque<Place> places_;  ///< beside marks_
  std::deque<Guest> guests_;  ///< also of some that are gone
  std::deque<Need> needs_;
  AuthorInterner authors_;
  std::size_t gone_ = 0;                    ///< of guests_ and needs_
  std::optional<QuarantineExtent> extent_;  ///< nothing: in doubt
  LogMark log_end_;                         ///< when it was last asked which ops are in the log
};

}  // namespace musher
