#include "audit/story_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace musher {

void StoryCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  if (op.kind == OpKind::insert) {
    const EntryNumber story = tables_.ops[row.number].extra;
    if (story >= stories_.size()) stories_.resize(story + 1);
    stories_[story].inserts.push_back(row.number);
  } else if (op.kind == OpKind::tombstone) {
    const EntryNumber target = tables_.ops.number_of(op.target);
    tables_.ops[target].hidden = true;
    if (!op.is_purge()) return;
    const EntryNumber story = tables_.stories.number_of(op.name);
    if (story >= stories_.size()) stories_.resize(story + 1);
    stories_[story].purges.push_back({row.number, target});
  }
}

bool StoryCheck::needs_ancestry() const {
  return std::ranges::any_of(stories_, [&](const Story& story) {
    return !story.purges.empty() &&
           std::ranges::any_of(story.inserts, [&](EntryNumber insert) { return !tables_.ops[insert].hidden; });
  });
}

Result<void> StoryCheck::hide_purged(const Ancestry& ancestry) {
  for (const Story& story : stories_) {
    if (story.purges.empty()) continue;
    MUSHER_TRY(const auto purges, last_of_chains(story, ancestry));
    for (const EntryNumber insert : story.inserts) {
      if (!tables_.ops[insert].hidden) MUSHER_CHECK(hide_purged(insert, purges, ancestry));
    }
  }
  return {};
}

/// Of purges on one chain the last says it all: an insert that knows it knows those before, and if that purge does not
/// know the insert, they do not.
Result<std::vector<StoryCheck::Purge>> StoryCheck::last_of_chains(const Story& story, const Ancestry& ancestry) const {
  std::vector<Purge> last;
  std::unordered_map<std::uint64_t, std::size_t> places;
  for (const Purge& purge : story.purges) {
    MUSHER_TRY(const auto chain, ancestry.chain_of(tables_.ops[purge.op].id));
    const auto [place, first] = chain ? places.try_emplace(*chain, last.size()) : std::pair(places.end(), true);
    if (first) {
      last.push_back(purge);
    } else {
      last[place->second] = purge;
    }
  }
  return last;
}

Result<void> StoryCheck::hide_purged(EntryNumber insert, const std::vector<Purge>& purges, const Ancestry& ancestry) {
  OpEntry& item = tables_.ops[insert];
  bool known_to_a_purge = false;
  for (const Purge& purge : purges) {
    const OpId& by = tables_.ops[purge.op].id;
    MUSHER_TRY(const bool knows_it, ancestry.precedes(by, item.id));
    if (knows_it) continue;
    item.hidden = true;
    MUSHER_TRY(const bool was_known, ancestry.precedes(item.id, by));
    known_to_a_purge = known_to_a_purge || was_known;
  }
  if (item.hidden && !known_to_a_purge) {
    report(FindingCode::came_back, insert,
           fmt::format("row {} inserts story \"{}\" again by a writer that had not seen its purge; it stays hidden",
                       raw(item.row), *tables_.story_of(item)));
  }
  return {};
}

void StoryCheck::finish() {
  for (const Story& story : stories_) {
    std::vector<EntryNumber> visible;
    std::ranges::copy_if(story.inserts, std::back_inserter(visible),
                         [&](EntryNumber insert) { return !tables_.ops[insert].hidden; });
    if (visible.size() < 2) continue;
    const OpEntry& last = tables_.ops[visible.back()];
    report(FindingCode::duplicate_story, visible.back(),
           fmt::format("story \"{}\" has {} items, the last of them in row {}: views show one of them",
                       *tables_.story_of(last), visible.size(), raw(last.row)));
  }
}

void StoryCheck::report(FindingCode code, EntryNumber insert, const std::string& message) {
  const OpEntry& entry = tables_.ops[insert];
  findings_.add({.code = code, .row = entry.row, .op = entry.id, .story = tables_.story_of(entry), .message = message});
}

}  // namespace musher
