#include "audit/register_lines.hpp"

#include <algorithm>
#include <ranges>

namespace musher {

Seq RegisterLines::highest_from(Seq seq, const AreAncestors& are_ancestors) const {
  const auto first_from = [](const std::vector<Step>& steps, Seq wanted) {
    return std::ranges::lower_bound(steps, wanted, {}, &Step::top);
  };
  std::vector<const std::vector<Step>*> far;  // lines that counted as far, the furthest first
  std::vector<EntryNumber> firsts;            // of each the first op that did
  for (const auto& [top, line] : std::views::reverse(tops_)) {
    if (top < seq) break;
    far.push_back(&lines_.at(line));
    firsts.push_back(first_from(*far.back(), seq)->op);
  }
  Seq highest{0};
  if (far.empty()) return highest;
  const std::vector<bool> descends = are_ancestors(firsts);
  const auto is_ancestor = [&](const Step& step) -> bool { return are_ancestors(std::span(&step.op, 1)).front(); };
  for (std::size_t at = 0; at < far.size(); ++at) {
    if (far[at]->back().top <= highest) break;
    if (!descends[at]) continue;  // nor from those behind it
    const auto high = first_from(*far[at], std::max(seq, next(highest)));
    const auto behind = std::partition_point(high, far[at]->end(), is_ancestor);
    if (behind != high) highest = std::prev(behind)->top;
  }
  return highest;
}

void RegisterLines::note(EntryNumber line, EntryNumber op, Seq seq) {
  std::vector<Step>& steps = lines_[line];
  const Seq before = steps.empty() ? Seq{0} : steps.back().top;
  const Seq top = std::max(before, seq);
  steps.push_back({op, top});
  if (top == before) return;
  tops_.erase({before, line});
  tops_.emplace(top, line);
}

}  // namespace musher
