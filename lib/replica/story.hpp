#pragma once
// One story read through the log's indexes: its cost is the story's ops, whatever the log's size.

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "document/document.hpp"
#include "replica/row_failure.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

/// One admitted op and whether it is heard.
struct HeardRow {
  OpRow row;
  bool effective = false;
  bool signature_checked = false;
  bool erased = false;  ///< it had content, which an erase has dropped; load_presence() knows it of removal() alone
};

/// Which ops of a story keep their content in memory: a story may have been set a thousand times to a megabyte.
enum class Contents : std::uint8_t {
  all,
  of_removal,  ///< that op alone; of another one restore_content() reads it again
};

struct StoryRead {
  RowId upto{};
  Signatures signatures = Signatures::check;
  KnownSignatures* known = nullptr;  ///< as check_row
  Contents contents = Contents::of_removal;
  const std::atomic<bool>* cancel = nullptr;
};

/// @errors incomplete: cancelled.
[[nodiscard]] Result<void> unless_cancelled(const StoryRead& read, std::string_view id);

/// Put and purge write an op for each visible item of a story that has no more than these (docs/decisions/0013).
inline constexpr std::size_t kMostItemsEach = 100;

struct Story {
  std::string id;
  std::vector<ItemState> items;   ///< visible ones first; the first is the one views show
  std::vector<HeardRow> history;  ///< every op that concerns it, in rowid order
  std::vector<RowFailure> failures;
  std::vector<OpId> purges;                                ///< effective purges, in rowid order
  std::unordered_map<OpId, std::size_t, IdHash> places{};  ///< in history

  /// Some insert made it, once.
  [[nodiscard]] bool was_inserted() const { return !items.empty(); }
  /// At least one item is visible.
  [[nodiscard]] bool is_live() const { return !items.empty() && items.front().visible; }
  /// The op that took it out: the last effective purge, else the last effective delete. Null while it is live.
  [[nodiscard]] const HeardRow* removal() const;
  /// The history row of an op; null when it is not of this story.
  [[nodiscard]] const HeardRow* row_of(const OpId& op) const;
};

/// @errors as LogReader's; incomplete: cancelled. A row that cannot be applied is in `failures`.
[[nodiscard]] Result<Story> load_story(LogReader& log, const TrustPolicy& trust, std::string_view id,
                                       const StoryRead& read);
[[nodiscard]] inline Result<Story> load_story(LogReader& log, const TrustPolicy& trust, std::string_view id, RowId upto,
                                              Signatures signatures) {
  return load_story(log, trust, id, {.upto = upto, .signatures = signatures});
}
/// The same, of its inserts, deletes and purges alone: what a write needs to know, whatever was set how often. Items
/// have no fields, and no content is read but that of removal(): who is there does not depend on it, and of ops that a
/// write builds on OwnWrite::append checks it.
[[nodiscard]] Result<Story> load_presence(LogReader& log, const TrustPolicy& trust, std::string_view id, RowId upto);

/// The op's content as the log has it now; it has none in a row that is not any more what it was.
[[nodiscard]] Result<void> restore_content(LogReader& log, OpRow& row);

/// The story of the op: an insert's own, a set's or delete's target's, an erase's target's. Nothing when it cannot be
/// found.
[[nodiscard]] Result<std::optional<std::string>> story_of(LogReader& log, const OpId& id, const Op& op);

/// "There is no story 478_stroy" with the ids most like it.
[[nodiscard]] Error no_such_story(LogReader& log, std::string_view id, std::optional<RowId> at = {});

}  // namespace musher
