#include "audit/story_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "document/purges.hpp"

namespace musher {

void StoryCheck::row(const AuditedRow& row) {
  const Op& op = row.op();
  if (op.kind == OpKind::insert) {
    const EntryNumber story = tables_.ops[row.number].extra;
    if (story >= stories_.size()) stories_.resize(story + 1);
    stories_[story].inserts.push_back(row.number);
  } else if (op.kind == OpKind::tombstone) {
    tables_.ops[tables_.ops.number_of(op.target)].hidden = true;
    if (!op.is_purge()) return;
    const EntryNumber story = tables_.stories.number_of(op.name);
    if (story >= stories_.size()) stories_.resize(story + 1);
    stories_[story].purges.push_back(row.number);
  }
}

bool StoryCheck::needs_ancestry() const {
  return std::ranges::any_of(stories_, [&](const Story& story) {
    return !story.purges.empty() &&
           std::ranges::any_of(story.inserts, [&](EntryNumber insert) { return !tables_.ops[insert].hidden; });
  });
}

Result<void> StoryCheck::hide_purged(const Ancestry& ancestry, const std::function<bool()>& go_on) {
  for (const Story& story : stories_) {
    if (story.purges.empty()) continue;
    std::vector<EntryNumber> open;
    std::vector<OpId> inserts;
    for (const EntryNumber insert : story.inserts) {
      if (tables_.ops[insert].hidden) continue;
      open.push_back(insert);
      inserts.push_back(tables_.ops[insert].id);
    }
    if (open.empty()) continue;
    Purges purges;
    for (const EntryNumber purge : story.purges) {
      if (!go_on()) return {};
      MUSHER_CHECK(purges.add(tables_.ops[purge].id, ancestry));
    }
    MUSHER_TRY(const auto known_to_a_purge, ancestry.any_descends_from(purges.all(), inserts));
    for (std::size_t at = 0; at < open.size(); ++at) {
      if (!go_on()) return {};
      OpEntry& item = tables_.ops[open[at]];
      if (known_to_a_purge[at]) {
        item.hidden = true;  // it cannot descend from that purge in its turn
        continue;
      }
      MUSHER_TRY(const bool hidden, purges.hide(item.id, ancestry));
      item.hidden = hidden;
      if (hidden) {
        report(FindingCode::came_back, open[at],
               fmt::format("row {} inserts story \"{}\" again by a writer that had not seen its purge; it stays hidden",
                           raw(item.row), *tables_.story_of(item)));
      }
    }
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
