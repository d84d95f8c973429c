#include "audit/register_lines.hpp"

#include <algorithm>
#include <ranges>

namespace musher {

Seq RegisterLines::highest_from(Seq seq, const IsAncestor& is_ancestor) const {
  Seq highest{0};
  for (const auto& [top, line] : std::views::reverse(tops_)) {
    const Seq wanted = std::max(seq, next(highest));
    if (top < wanted) break;
    const std::vector<Step>& steps = lines_.at(line);
    const auto high = std::ranges::lower_bound(steps, wanted, {}, &Step::top);
    if (!is_ancestor(high->op)) continue;  // nor are those behind it
    const auto behind =
        std::partition_point(std::next(high), steps.end(), [&](const Step& step) { return is_ancestor(step.op); });
    highest = std::prev(behind)->top;
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
