#pragma once
// A set of small numbers, 64 to a word.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace musher {

/// Keeps 16 bytes for each 64 numbers in a row of which some are in it.
class NumberSet {
 public:
  /// False when it was there. O(1) for one that is above all others.
  bool add(std::uint32_t number) {
    const auto at = std::ranges::lower_bound(words_, number / 64, {}, &Word::place);
    const std::uint64_t bit = std::uint64_t{1} << number % 64;
    if (at == words_.end() || at->place != number / 64) {
      words_.insert(at, {number / 64, bit});
      return true;
    }
    const bool fresh = (at->bits & bit) == 0;
    at->bits |= bit;
    return fresh;
  }
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] bool contains(std::uint32_t number) const {
    const auto at = std::ranges::lower_bound(words_, number / 64, {}, &Word::place);
    return at != words_.end() && at->place == number / 64 && (at->bits >> number % 64 & 1) != 0;
  }
  /// Calls visit with each, the highest first.
  template <class Visit>
  void for_each_down(const Visit& visit) const {
    for (auto word = words_.rbegin(); word != words_.rend(); ++word) {
      for (std::uint32_t bit = 64; bit-- > 0;) {
        if ((word->bits >> bit & 1) != 0 && !visit(word->place * 64 + bit)) return;
      }
    }
  }

 private:
  friend class MissingNumbers;
  struct Word {
    std::uint32_t place;
    std::uint64_t bits;
  };
  std::vector<Word> words_;  // by place
};

/// What of a set was not found yet.
class MissingNumbers {
 public:
  void start(const NumberSet& sought) {
    words_.assign(sought.words_.begin(), sought.words_.end());
    left_ = words_.size();
  }
  [[nodiscard]] bool none() const { return left_ == 0; }
  void found(std::uint32_t number) {
    const auto at = std::ranges::lower_bound(words_, number / 64, {}, &NumberSet::Word::place);
    if (at != words_.end() && at->place == number / 64) take(*at, std::uint64_t{1} << number % 64);
  }
  /// Number n is bit n % 64 of word n / 64; what is behind the last word was not found.
  void found(std::span<const std::uint64_t> bits) {
    for (NumberSet::Word& word : words_) {
      if (word.place >= bits.size()) return;
      take(word, bits[word.place]);
    }
  }

 private:
  void take(NumberSet::Word& word, std::uint64_t bits) {
    if (word.bits == 0) return;
    word.bits &= ~bits;
    if (word.bits == 0) --left_;
  }
  std::vector<NumberSet::Word> words_;
  std::size_t left_ = 0;  ///< words with a bit
};

}  // namespace musher
