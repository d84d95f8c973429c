#pragma once
// Ancestry in memory, for a whole log: what each branch of each author knew of the others, and since when.

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "document/ancestry.hpp"
#include "document/known_purges.hpp"
#include "document/slot_table.hpp"
#include "document/steps.hpp"
#include "model/op.hpp"

namespace musher {

/// Ops are added in causal order. Costs 26 to 29 bytes an op, and about 2.5 for each branch an op merges anew; from the
/// first purge on 4 more an op, and what document/known_purges.hpp says of purges and of ops that join them. Adding
/// is amortised O(dependencies); asking is O(log ops) for each branch whose news the descendant may have had since the
/// ancestor.
///
/// How: an op extends its prev's branch if prev is that branch's last op, else it starts a branch (a first op, or an
/// equivocation). What a branch knows only grows, so it is enough to note, for two branches, from which op of the one
/// on it depended on which op of the other. Only an op's own dependencies are noted. What those knew in their turn is
/// found by the question: P precedes X when the branches X's branch depended on up to X, those they had depended on by
/// then, and so on, reach P's branch at P or later. An equivocation depends on its prev as on any op of another branch.
///
/// An op is known by the first half of its id: 2^64 digests to find two that agree.
class CausalIndex final : public Ancestry {
 public:
  CausalIndex() = default;
  CausalIndex(const CausalIndex&) = delete;
  CausalIndex& operator=(const CausalIndex&) = delete;
  ~CausalIndex() override = default;

  /// Adds an op; adding it again changes nothing. False, and nothing is added, when a dependency is not here.
  bool add(const OpId& id, const Op& op);
  [[nodiscard]] bool contains(const OpId& id) const { return find(id) != kNoEntry; }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }

  /// An op and the branch it is in. Ops are numbered in the order they are added: a dependency has the lower number,
  /// and an op descends from all ops of its branch with lower ones.
  struct Place {
    EntryNumber branch;
    EntryNumber op;
  };
  /// Precondition: the op is here.
  [[nodiscard]] Place place_of(const OpId& op) const;
  /// Calls visit with this op and with ops it descends from, among them the newest of each other branch, as far as they
  /// are not older than `oldest`; until it says false. O(log ops) for each branch whose news the op may have had since.
  void visit_known(Place op, EntryNumber oldest, const std::function<bool(Place)>& visit) const;

  /// False when either op is not here.
  [[nodiscard]] Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const override;
  /// O(log ops) for each branch whose news one of `ops` may have had since the oldest of `earlier`, and for each of
  /// these.
  [[nodiscard]] Result<std::vector<bool>> any_descends_from(std::span<const OpId> ops,
                                                            std::span<const OpId> earlier) const override;
  /// Purges are numbered as they are added.
  [[nodiscard]] Result<std::uint32_t> purge_number(const OpId& purge) const override;
  /// Cost: document/known_purges.hpp.
  [[nodiscard]] Result<bool> descends_from_all(const OpId& descendant, const NumberSet& purges) const override;

 private:
  struct Prefix {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const Prefix&) const = default;
  };
  struct Branch {
    EntryNumber tip = 0;
    EntryNumber merges = kNoEntry;  ///< the first of its list in merges_
  };
  struct Merges {
    EntryNumber branch;
    EntryNumber other;
    EntryNumber next;  ///< of the same branch
    Steps steps;       ///< from which op of branch on, up to which op of other
  };

  [[nodiscard]] static Prefix prefix_of(const OpId& id);
  [[nodiscard]] static std::uint64_t hash_of(const Prefix& prefix);
  [[nodiscard]] EntryNumber find(const OpId& id) const;
  [[nodiscard]] bool numbers_of_dependencies(const Op& op, std::vector<EntryNumber>& numbers) const;
  [[nodiscard]] EntryNumber branch_for(EntryNumber op, EntryNumber prev);
  template <class Visit>
  void visit_known_to_any(std::vector<EntryNumber> starts, EntryNumber oldest, const Visit& visit) const;
  void note_merge(EntryNumber op, EntryNumber dependency);

  std::deque<Prefix> prefixes_;        // by op
  std::deque<EntryNumber> branch_of_;  // by op
  SlotTable slots_;                    // ops by id
  std::deque<Branch> branches_;
  std::deque<Merges> merges_;
  SlotTable merge_slots_;                  // merges by their two branches
  KnownPurges known_purges_;               // by op
  EntryNumber purges_ = 0;                 // how many there are
  std::vector<EntryNumber> dependencies_;  // of the op being added
};

}  // namespace musher
