#include "replica/ancestor_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {

Result<const OpLinks*> KnownPlaces::links(const OpId& op) {
  if (const auto known = links_.find(op); known != links_.end()) return &known->second;
  MUSHER_TRY(auto links, log_.links(op));
  if (!links) return nullptr;
  if (links_.size() == kMostKept) links_.clear();
  return &links_.emplace(op, *std::move(links)).first->second;
}

Result<bool> KnownPlaces::alone(const AuthorId& author, OpIndex index) {
  if (const auto known = alone_.find({author, index}); known != alone_.end()) return known->second;
  MUSHER_TRY(const bool several, log_.has_several_at(author, index));
  if (alone_.size() == kMostKept) alone_.clear();
  return alone_.emplace(std::pair(author, index), !several).first->second;
}

Result<void> AncestorWalk::start_from(const OpId& op) { return meet(op); }

Result<void> AncestorWalk::meet(const OpId& op) {
  if (!met_.insert(op).second) return {};
  MUSHER_TRY(const OpLinks* links, places_.links(op));
  if (links == nullptr) return {};  // a lost row: what came before cannot be shown to
  OpIndex& newest = newest_[links->author];
  newest = std::max(newest, links->index);
  last_row_ = std::max(last_row_, links->row);
  open_.push_back({links->depth, links->dependencies});
  std::ranges::push_heap(open_, shallower);
  return {};
}

bool AncestorWalk::has_met(const OpId& op, const OpLinks& links, bool alone) const {
  if (met_.contains(op)) return true;
  const auto newest = newest_.find(links.author);
  return alone && newest != newest_.end() && newest->second >= links.index;
}

Result<bool> AncestorWalk::reaches(const OpId& op) {
  MUSHER_TRY(const OpLinks* links, places_.links(op));
  if (links == nullptr || links->row > last_row_) return false;
  const OpLinks sought = *links;
  MUSHER_TRY(const bool alone, places_.alone(sought.author, sought.index));
  while (!has_met(op, sought, alone)) {
    if (open_.empty() || open_.front().depth <= sought.depth) return false;
    if (met_.size() > kMostOps) {
      return fail(Errc::incomplete,
                  fmt::format("cannot tell within {} ops what of {} descends from op {}", kMostOps,
                              places_.log().info().path, to_hex(op.hash)),
                  verify_hint(places_.log().info().path));
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
    walk_.emplace(places_);
    start_ = descendant;
    MUSHER_CHECK(walk_->start_from(descendant));
  }
  return walk_->reaches(ancestor);
}

Result<std::optional<std::uint64_t>> LogAncestry::chain_of(const OpId& op) const {
  MUSHER_TRY(const OpLinks* links, places_.links(op));
  if (links == nullptr) return std::nullopt;
  if (const auto known = chains_.find(links->author); known != chains_.end()) return known->second;
  MUSHER_TRY(const auto tips, places_.log().tips_of(links->author));
  const auto number = tips.size() == 1 ? std::optional<std::uint64_t>(chains_.size()) : std::nullopt;
  chains_.emplace(links->author, number);
  return number;
}

}  // namespace musher
