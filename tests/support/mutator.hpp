#pragma once
// Seeded mutations of bytes that are right: flipped, cut, repeated, and with words put in that matter to a parser.

#include <random>
#include <string>
#include <vector>

namespace musher::testing {

/// $MUSHER_FUZZ_SEED, or this one.
[[nodiscard]] unsigned fuzz_seed(unsigned otherwise);

class Mutator {
 public:
  Mutator(unsigned seed, std::vector<std::string> corpus, std::vector<std::string> words)
      : random_(seed), corpus_(std::move(corpus)), words_(std::move(words)) {}

  /// One of the corpus, or two in a row, with one to four mutations.
  [[nodiscard]] std::string next();
  [[nodiscard]] std::size_t pick(std::size_t below);

 private:
  void mutate(std::string& bytes);

  std::mt19937 random_;
  const std::vector<std::string> corpus_;
  const std::vector<std::string> words_;
};

}  // namespace musher::testing
