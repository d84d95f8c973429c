#include "audit/register_lines.hpp"

#include <algorithm>

namespace musher {

std::optional<Seq> RegisterLines::highest_from(Seq seq, CausalIndex::Place op, const CausalIndex& index,
                                               const std::function<bool()>& go_on) const {
  const auto first = std::ranges::lower_bound(all_, seq, {}, &Step::top);
  if (first == all_.end()) return Seq{0};
  Seq highest{0};
  bool stopped = false;
  index.visit_known(op, first->op, [&](CausalIndex::Place known) {
    if (const auto line = lines_.find(known.branch); line != lines_.end()) {
      const auto beyond = std::ranges::upper_bound(line->second, known.op, {}, &Step::op);
      if (beyond != line->second.begin()) highest = std::max(highest, std::prev(beyond)->top);
    }
    stopped = !go_on();
    return !stopped && highest < all_.back().top;
  });
  if (stopped) return std::nullopt;
  return highest < seq ? Seq{0} : highest;
}

void RegisterLines::note(CausalIndex::Place op, Seq seq) {
  raise(lines_[op.branch], op.op, seq);
  raise(all_, op.op, seq);
}

void RegisterLines::raise(Line& line, EntryNumber op, Seq seq) {
  if (line.empty() || line.back().top < seq) line.push_back({op, seq});
}

}  // namespace musher
