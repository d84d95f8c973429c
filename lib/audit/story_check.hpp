#pragma once
// What the ops add up to, as far as it is worth a warning: stories that came back, and stories that are there twice.

#include <functional>
#include <vector>

#include "audit/audited_row.hpp"
#include "audit/finding_list.hpp"
#include "document/ancestry.hpp"

namespace musher {

class StoryCheck {
 public:
  StoryCheck(OpTables& tables, FindingList& findings) : tables_(tables), findings_(findings) {}

  /// A reliable row that is heard.
  void row(const AuditedRow& row);
  /// Some insert and some purge of one story may not know of each other: only ancestry can tell.
  [[nodiscard]] bool needs_ancestry() const;
  /// Hides what concurrent purges hide. The index holds every reliable op.
  Result<void> hide_purged(const Ancestry& ancestry);
  /// After hide_purged, where that is needed.
  void finish();

 private:
  struct Purge {
    EntryNumber op;
    EntryNumber target;
  };
  struct Story {
    std::vector<EntryNumber> inserts;
    std::vector<Purge> purges;
  };
  [[nodiscard]] Result<std::vector<Purge>> last_of_chains(const Story& story, const Ancestry& ancestry) const;
  Result<void> hide_purged(EntryNumber insert, const std::vector<Purge>& purges, const Ancestry& ancestry);
  void report(FindingCode code, EntryNumber insert, const std::string& message);

  OpTables& tables_;
  FindingList& findings_;
  std::vector<Story> stories_;  // by the story's number
};

}  // namespace musher
