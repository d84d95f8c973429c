#include "audit/finding_list.hpp"

#include <algorithm>
#include <numeric>

#include "model/text.hpp"

namespace musher {
namespace {

/// Puts values in the place of {names}, in one pass: a value's own braces mean nothing. False when a name has no value.
template <class ValueOf>
bool fill_in(std::string_view pattern, std::string& out, const ValueOf& value_of) {
  while (true) {
    const auto open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == pattern.npos) return true;
    const auto close = pattern.find('}', open);
    const std::optional<std::string> value = value_of(pattern.substr(open + 1, close - open - 1));
    if (!value) return false;
    out += *value;
    pattern.remove_prefix(close + 1);
  }
}

}  // namespace

bool FindingList::add(Finding finding, std::optional<Check> by) {
  if (!contains(wanted_, by.value_or(kind_of(finding.code).check))) return false;
  if (++counts_[static_cast<std::size_t>(finding.code)] > kKeptOfACode) return true;
  if (finding.hint.empty()) finding.hint = hint_for(finding);
  findings_.push_back(std::move(finding));
  return true;
}

void FindingList::take_back(FindingCode code) {
  std::erase_if(findings_, [&](const Finding& finding) { return finding.code == code; });
  counts_[static_cast<std::size_t>(code)] = 0;
}

std::string FindingList::hint_for(const Finding& finding) const {
  const std::string log = shell_word(log_path_);
  const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "log") return log;
    if (name == "op" && finding.op) return to_hex(finding.op->hash);
    if (name == "found" && finding.found) return finding.found;
    if (name == "row" && finding.row) return std::to_string(raw(*finding.row));
    if (name == "story" && finding.story) return shell_word(*finding.story);
    return std::nullopt;
  };
  std::string hint;
  if (fill_in(kind_of(finding.code).hint, hint, value_of)) return hint;
  return "musher inspect ops --log " + log;
}

std::uint64_t FindingList::not_kept() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}) - findings_.size();
}

bool FindingList::has_error() const {
  return std::ranges::any_of(
      findings_, [](const Finding& finding) { return finding.severity() == Severity::error && !finding.acknowledged; });
}

std::vector<Finding> FindingList::sorted() const {
  std::vector<Finding> all = findings_;
  std::ranges::stable_sort(
      all, {}, [](const Finding& finding) { return std::pair(finding.row.value_or(RowId{0}), finding.code); });
  return all;
}

}  // namespace musher
