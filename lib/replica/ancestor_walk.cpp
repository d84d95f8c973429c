#include "replica/ancestor_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {
namespace {

std::unexpected<Error> too_many_ops(LogReader& log, const OpId& op) {
  const std::string& path = log.info().path;
  return fail(Errc::incomplete,
              fmt::format("cannot tell within {} ops what of {} descends from op {}", AncestorWalk::kMostOps, path,
                          to_hex(op.hash)),
              verify_hint(path));
}

}  // namespace

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
      return too_many_ops(places_.log(), op);
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

Result<std::uint32_t> LogAncestry::purge_number(const OpId& purge) const {
  if (const auto known = numbers_.find(purge); known != numbers_.end()) return known->second;
  MUSHER_TRY(const OpLinks* links, places_.links(purge));
  if (links == nullptr) return kNoEntry;
  if (links->row <= last_read_) forget_what_was_read();
  oldest_ = std::min(oldest_, links->depth);
  purges_.push_back(purge);
  return numbers_.emplace(purge, static_cast<std::uint32_t>(purges_.size() - 1)).first->second;
}

Result<bool> LogAncestry::descends_from_all(const OpId& descendant, const NumberSet& purges) const {
  if (purges.empty()) return true;
  if (met_ < most_met_) {
    MUSHER_TRY(const auto known, walk_to_all(descendant, purges));
    if (known) return *known;
  }
  if (auto done = read(descendant); !done) {
    forget_what_was_read();
    return std::unexpected(std::move(done).error());
  }
  const EntryNumber op = read_.at(descendant);
  return op != kNoEntry && known_.knows_all(op, purges);
}

/// Nothing when that would be too far.
Result<std::optional<bool>> LogAncestry::walk_to_all(const OpId& descendant, const NumberSet& purges) const {
  AncestorWalk walk(places_);
  MUSHER_CHECK(walk.start_from(descendant));
  Result<std::optional<bool>> known = true;
  const std::size_t met_before = met_;
  std::size_t asked = 0;
  purges.for_each_down([&](std::uint32_t number) {
    if (number >= purges_.size()) {
      known = false;
    } else if (met_ >= most_met_) {
      known = std::nullopt;
    } else if (const auto reached = walk.reaches(purges_[number]); !reached) {
      known = std::unexpected(reached.error());
    } else if (!*reached) {
      known = false;
    }
    met_ = met_before + walk.met() + ++asked;
    return known == true;
  });
  return known;
}

void LogAncestry::forget_what_was_read() const {
  read_.clear();
  known_ = KnownPurges();
  last_read_ = RowId{};
}

/// The op, and all above it that may descend from a purge.
Result<void> LogAncestry::read(const OpId& op) const {
  std::vector<Pending> pending;
  MUSHER_CHECK(start_reading(op, pending));
  std::vector<EntryNumber> dependencies;
  while (!pending.empty()) {
    Pending& newest = pending.back();
    if (newest.started < newest.dependencies.size()) {
      const OpId dependency = newest.dependencies[newest.started++];
      MUSHER_CHECK(start_reading(dependency, pending));
      continue;
    }
    dependencies.clear();
    for (const OpId& id : newest.dependencies) {
      if (const EntryNumber number = read_.at(id); number != kNoEntry) dependencies.push_back(number);
    }
    const auto purge = numbers_.find(newest.id);
    read_.insert_or_assign(newest.id, known_.size());
    known_.add(dependencies, purge == numbers_.end() ? kNoEntry : purge->second);
    pending.pop_back();
  }
  return {};
}

Result<void> LogAncestry::start_reading(const OpId& op, std::vector<Pending>& pending) const {
  if (!read_.emplace(op, kNoEntry).second) return {};
  if (read_.size() > AncestorWalk::kMostOps) return too_many_ops(places_.log(), op);
  MUSHER_TRY(const OpLinks* links, places_.links(op));
  if (links == nullptr) return {};
  last_read_ = std::max(last_read_, links->row);
  if (links->depth < oldest_) return {};
  pending.push_back({op, links->dependencies});
  return {};
}

}  // namespace musher
