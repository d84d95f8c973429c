#pragma once
// A story as views show it, and who touched it last.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "document/document.hpp"
#include "oplog/rows.hpp"

namespace musher {

struct StoryView {
  std::string id;
  std::vector<OpId> items;                 ///< visible ones, the shown one first; of a story that is gone: all
  std::vector<FieldState> fields;          ///< of the shown item
  std::optional<std::int64_t> updated_ms;  ///< the author's claim on the newest effective insert or set
  std::optional<AuthorId> updated_by;
};

/// Items and fields from document.story(id); updated_* are left open.
[[nodiscard]] StoryView view_of(std::string id, const std::vector<ItemState>& items);

/// Remembers the newest effective insert or set of each item while a log is replayed, so that a list of all stories can
/// say when each changed and by whom.
class StoryTracker {
 public:
  /// To be called with each effective op, in rowid order.
  void note(const OpRow& row);
  /// Every story with a visible item, in list order.
  [[nodiscard]] std::vector<StoryView> list(const Document& document) const;
  /// One of them.
  [[nodiscard]] StoryView view(const Document& document, std::string id) const;

 private:
  struct Touch {
    RowId row{};
    std::int64_t time_ms = 0;
    AuthorId author;
  };
  std::unordered_map<OpId, Touch, IdHash> newest_of_item_;
};

}  // namespace musher
