#pragma once
// Finds what is kept elsewhere in numbered order, by hash: 5 to 6.7 bytes an entry.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace musher {

/// The place of an entry in its owner's sequence: 0, 1, 2 ... in the order they were added.
using EntryNumber = std::uint32_t;
inline constexpr EntryNumber kNoEntry = std::numeric_limits<EntryNumber>::max();

/// An open-addressing table of entry numbers, by hashes that nobody can choose (model/sip_hash.hpp). Each slot also
/// holds some bits of the entry's hash, as many as the number leaves over, so that a search rarely looks at an entry it
/// does not want.
class SlotTable {
 public:
  [[nodiscard]] EntryNumber size() const { return size_; }

  /// The entry with this hash for which matches(number) holds, or kNoEntry.
  template <class Matches>
  [[nodiscard]] EntryNumber find(std::uint64_t hash, const Matches& matches) const {
    if (slots_.empty()) return kNoEntry;
    hash = mixed(hash);
    for (std::size_t at = home(hash);; at = following(at)) {
      const std::uint32_t slot = slots_[at];
      if (slot == 0) return kNoEntry;
      if (((slot ^ low_half(hash)) & ~number_mask_) != 0) continue;
      if (const EntryNumber number = (slot & number_mask_) - 1; matches(number)) return number;
    }
  }

  /// Adds entry number size(), which is not here yet. hash_of(number) is asked for earlier entries when the table
  /// grows: the old table is gone by then, so that growing needs no memory for both.
  template <class HashOf>
  EntryNumber add(std::uint64_t hash, const HashOf& hash_of) {
    if ((std::uint64_t{size_} + 1) * 5 > std::uint64_t{slots_.size()} * 4) {
      const std::size_t capacity = std::max<std::size_t>(16, slots_.size() + slots_.size() / 3);
      slots_ = std::vector<std::uint32_t>();  // frees it
      slots_.resize(capacity);
      number_mask_ = static_cast<std::uint32_t>((std::uint64_t{1} << std::bit_width(capacity)) - 1);
      for (EntryNumber number = 0; number < size_; ++number) place(mixed(hash_of(number)), number);
    }
    place(mixed(hash), size_);
    return size_++;
  }

 private:
  static std::uint64_t mixed(std::uint64_t hash) {
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
  }
  static std::uint32_t low_half(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  [[nodiscard]] std::size_t home(std::uint64_t hash) const { return ((hash >> 32) * slots_.size()) >> 32; }
  [[nodiscard]] std::size_t following(std::size_t at) const { return at + 1 == slots_.size() ? 0 : at + 1; }
  void place(std::uint64_t hash, EntryNumber number) {
    std::size_t at = home(hash);
    while (slots_[at] != 0) at = following(at);
    slots_[at] = (low_half(hash) & ~number_mask_) | (number + 1);
  }

  std::vector<std::uint32_t> slots_;  // 0: empty; else number + 1 in the low bits, hash bits above
  std::uint32_t number_mask_ = 0;
  EntryNumber size_ = 0;
};

}  // namespace musher
