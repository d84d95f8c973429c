#pragma once
// Which purges an op descends from, for many ops and many purges that know nothing of each other.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "document/number_set.hpp"
#include "document/slot_table.hpp"

namespace musher {

/// Ops are added in causal order and have the numbers 0, 1, 2 ...; purges have numbers of their own.
///
/// Whether one op descends from all of P purges cannot be told in less than the P bits of what it knows: two ops that
/// each know half of them may be joined in any pairs. So those bits are kept, but for few ops. An op that knows what
/// one of its dependencies knows has that one's entry; purges, and ops that join what several know, have an entry with
/// the entries it was made from; and an entry that so many others lie below that asking it again would be a long walk
/// keeps the bits. A question walks down from its op's entry to entries that keep theirs, and ends when all is found.
///
/// Cost, P being the purges there are: of a question, up to 64 + P / 256 steps for each dependency of the op, and at
/// some of them a word for each 64 that are asked about; of adding an op, as much for each dependency whose bits come
/// to be kept, of all P, else O(1). Memory: 4 bytes an op from the first purge on; about 20 for each purge and each
/// join; and kept bits, up to 32 bytes an entry where entries follow each other, P / 8 at worst. These have an upper
/// bound: the nearer they are to it, the longer a walk has to be to have its bits kept, and when there is no room left
/// a walk may be as long as there are entries.
class KnownPurges {
 public:
  explicit KnownPurges(std::uint64_t most_kept = kMostKept) : most_kept_(most_kept) {}

  /// Adds op number size(): `dependencies` are ops here. `purge`: its number as one, or kNoEntry.
  void add(std::span<const EntryNumber> dependencies, EntryNumber purge = kNoEntry);
  [[nodiscard]] EntryNumber size() const { return before_ + static_cast<EntryNumber>(entry_of_.size()); }
  /// Whether the op is, or descends from, each of `purges`. Uses scratch memory of this: one thread at a time.
  [[nodiscard]] bool knows_all(EntryNumber op, const NumberSet& purges) const;
  /// The number that this op has as a purge, or kNoEntry.
  [[nodiscard]] EntryNumber purge_number(EntryNumber op) const;

  static constexpr std::uint64_t kMostKept = std::uint64_t{1} << 27;  ///< bytes

 private:
  using Bits = std::vector<std::uint64_t>;
  struct Entry {
    EntryNumber purge;   ///< or kNoEntry
    EntryNumber first;   ///< of what it was made from, in made_from_; where the next entry's begins it ends
    std::uint32_t walk;  ///< the steps of a walk from here, at most
    EntryNumber kept;    ///< in kept_, or kNoEntry
  };

  [[nodiscard]] EntryNumber entry_of(EntryNumber op) const;
  [[nodiscard]] EntryNumber end_of(EntryNumber entry) const;
  [[nodiscard]] std::uint64_t worth_keeping() const;
  template <class OnPurge, class OnBits>
  std::uint64_t walk(EntryNumber from, const OnPurge& on_purge, const OnBits& on_bits) const;
  [[nodiscard]] std::uint64_t collect(EntryNumber from);
  void shorten(EntryNumber entry);

  std::uint64_t most_kept_;            // bytes; fixed after construction
  EntryNumber before_ = 0;             // ops before the first purge
  std::deque<EntryNumber> entry_of_;   // by op, from there on; kNoEntry: knows no purge
  std::deque<Entry> entries_;          // what each is made from comes before it
  std::deque<EntryNumber> made_from_;  // newest first, of each entry
  std::deque<Bits> kept_;
  std::uint64_t kept_bytes_ = 0;
  std::size_t words_ = 0;            // of a set that has all purges
  std::vector<EntryNumber> joined_;  // by the op being added
  Bits known_;                       // of the entry being shortened
  mutable MissingNumbers missing_;   // of the question
  mutable std::vector<EntryNumber> open_;
};

}  // namespace musher
