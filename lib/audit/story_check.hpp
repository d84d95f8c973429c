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
  /// Hides what concurrent purges hide. The index holds every reliable op. Cost: of a story with purges one walk for
  /// all of them, and one for each purge and each insert. False from `go_on`, which is asked before each of those, ends
  /// it early.
  Result<void> hide_purged(const Ancestry& ancestry, const std::function<bool()>& go_on);
  /// After hide_purged, where that is needed.
  void finish();

 private:
  struct Story {
    std::vector<EntryNumber> inserts;
    std::vector<EntryNumber> purges;
  };
  void report(FindingCode code, EntryNumber insert, const std::string& message);

  OpTables& tables_;
  FindingList& findings_;
  std::vector<Story> stories_;  // by the story's number
};

}  // namespace musher
