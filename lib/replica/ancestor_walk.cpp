#include "replica/ancestor_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {

Result<void> AncestorWalk::start_from(const OpId& op) { return meet(op); }

Result<void> AncestorWalk::meet(const OpId& op) {
  if (!met_.insert(op).second) return {};
  MUSHER_TRY(auto links, log_.links(op));
  if (!links) return {};  // a lost row: what came before cannot be shown to
  OpIndex& newest = newest_[links->author];
  newest = std::max(newest, links->index);
  last_row_ = std::max(last_row_, links->row);
  open_.push_back({links->depth, std::move(links->dependencies)});
  std::ranges::push_heap(open_, shallower);
  return {};
}

bool AncestorWalk::has_met(const OpId& op, const OpLinks& links, bool alone) const {
  if (met_.contains(op)) return true;
  const auto newest = newest_.find(links.author);
  return alone && newest != newest_.end() && newest->second >= links.index;
}

Result<bool> AncestorWalk::reaches(const OpId& op) {
  MUSHER_TRY(const auto sought, log_.links(op));
  if (!sought || sought->row > last_row_) return false;
  MUSHER_TRY(const auto at_its_index, log_.ops_at(sought->author, sought->index));
  const bool alone = at_its_index.size() == 1;
  while (!has_met(op, *sought, alone)) {
    if (open_.empty() || open_.front().depth <= sought->depth) return false;
    if (met_.size() > kMostOps) {
      return fail(Errc::incomplete,
                  fmt::format("cannot tell within {} ops what of {} descends from op {}", kMostOps, log_.info().path,
                              to_hex(op.hash)),
                  verify_hint(log_.info().path));
    }
    std::ranges::pop_heap(open_, shallower);
    const Open next = std::move(open_.back());
    open_.pop_back();
    for (const OpId& dependency : next.dependencies) MUSHER_CHECK(meet(dependency));
  }
  return true;
}

Result<bool> LogAncestry::precedes(const OpId& ancestor, const OpId& descendant) const {
  if (ancestor == descendant) return false;
  if (!walk_ || start_ != descendant) {
    walk_.emplace(log_);
    start_ = descendant;
    MUSHER_CHECK(walk_->start_from(descendant));
  }
  return walk_->reaches(ancestor);
}

Result<std::optional<std::uint64_t>> LogAncestry::chain_of(const OpId& op) const {
  MUSHER_TRY(const auto links, log_.links(op));
  if (!links) return std::nullopt;
  if (const auto known = chains_.find(links->author); known != chains_.end()) return known->second;
  MUSHER_TRY(const auto tips, log_.tips_of(links->author));
  const auto number = tips.size() == 1 ? std::optional<std::uint64_t>(chains_.size()) : std::nullopt;
  chains_.emplace(links->author, number);
  return number;
}

}  // namespace musher
