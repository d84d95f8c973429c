#pragma once
// Where the checks of one run put what they find.

#include <array>
#include <bitset>
#include <string>
#include <vector>

#include "audit/finding.hpp"

namespace musher {

using CheckSet = std::bitset<kChecks>;
[[nodiscard]] inline CheckSet all_checks() { return CheckSet{}.set(); }
[[nodiscard]] inline bool contains(const CheckSet& set, Check check) {
  return set.test(static_cast<std::size_t>(check));
}

class FindingList {
 public:
  /// A flood of one code costs bounded memory and hides no other code.
  static constexpr std::size_t kKeptOfACode = 1'000;

  /// Findings of checks that are not wanted are dropped. log_path: for the hints.
  FindingList(const CheckSet& wanted, std::string log_path) : wanted_(wanted), log_path_(std::move(log_path)) {}

  /// Fills in the hint, unless there is one. False when it is dropped, since its check is not wanted: then nothing may
  /// be left out as its consequence. by: the check that found it, where that is not the code's own.
  bool add(Finding finding, std::optional<Check> by = {});
  /// Findings of this code are counted.
  [[nodiscard]] bool wants(FindingCode code) const { return contains(wanted_, kind_of(code).check); }
  /// Takes every finding of a code back: what they had in common was found.
  void take_back(FindingCode code);

  /// How many there were of a code, those that were not kept included.
  [[nodiscard]] std::uint64_t count(FindingCode code) const { return counts_[static_cast<std::size_t>(code)]; }
  [[nodiscard]] std::uint64_t not_kept() const;
  /// An error that nobody has acknowledged is among them.
  [[nodiscard]] bool has_error() const;

  /// By row, those about the whole log first; of one row in the order of the enum.
  [[nodiscard]] std::vector<Finding> sorted() const;

 private:
  [[nodiscard]] std::string hint_for(const Finding& finding) const;

  CheckSet wanted_;
  std::string log_path_;
  std::vector<Finding> findings_;
  std::array<std::uint64_t, kFindingCodes> counts_{};
};

}  // namespace musher
