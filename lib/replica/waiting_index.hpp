#pragma once
// What the ops in quarantine wait for, kept between transactions: which of them an op that comes may let in is found
// without reading the others.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "document/interner.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

class WaitingIndex {
 public:
  /// Makes it fit the quarantine as it is now, in doubt again until settled_at(). O(1) when nobody else has put
  /// anything there. What others took out stays in here: it costs a look, and no op is let in for it.
  Result<void> refresh(LogReader& log);
  /// What was told since refresh() is durable, and `last` is the last row number that the quarantine gave out.
  void settled_at(std::int64_t last) { last_ = last; }

  /// An op was put there; of one that is there already, perhaps a copy with content.
  void add(const OpId& id, const Op& op, bool lacks_content);
  void remove(const OpId& id);

  [[nodiscard]] bool waits(const OpId& id) const;
  /// Something that waits depends on it.
  [[nodiscard]] bool is_needed(const OpId& id) const;

  /// Of the ops that wait those that may enter because each of these has come into the log, or to wait, with all that
  /// they need and that waits too; some more, perhaps, and none when nothing enters. Whoever is left out cannot enter,
  /// if trust and the rest of the log are what they were when the last question was answered.
  /// Cost: the ops that wait for these, directly or not, and what those need.
  [[nodiscard]] Result<std::vector<OpId>> may_enter(LogReader& log, const TrustPolicy& trust,
                                                    std::span<const OpId> because_of) const;

 private:
  class Search;
  struct Guest {
    AuthorId author;
    EntryNumber erases = kNoEntry;  ///< what an erase erases
    bool lacks_content = false;
    std::vector<EntryNumber> needs;
  };
  /// Of an id: whether that op waits, and who needs it.
  struct Place {
    std::uint32_t guest = kNoEntry;
    std::uint32_t first_need = kNoEntry;
  };
  /// `who` needs the op in whose list this is.
  struct Need {
    EntryNumber who = kNoEntry;
    std::uint32_t next = kNoEntry;
  };
  EntryNumber number_of(const OpId& id);
  void clear();

  Interner<OpId> ids_;         ///< of ops that wait and of what they need
  std::vector<Place> places_;  ///< by number of the id
  std::vector<Guest> guests_;  ///< also of some that are gone
  std::vector<Need> needs_;
  std::optional<std::int64_t> last_;  ///< nothing: in doubt
  std::size_t fill_at_rebuild_ = 0;
};

}  // namespace musher
