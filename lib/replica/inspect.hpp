#pragma once
// What a log holds, for a person or a program to look at. All of it reads; all of it works beside a live server.

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "document/document.hpp"
#include "replica/op_view.hpp"
#include "replica/resolve.hpp"
#include "replica/row_failure.hpp"
#include "replica/story_view.hpp"

namespace musher {

/// The log's name card, on top of every report.
struct LogCard {
  LogInfo info;
  std::uint64_t ops = 0;
  std::vector<OpId> heads;
};
[[nodiscard]] Result<LogCard> log_card(LogReader& log);
[[nodiscard]] Result<std::vector<OpId>> head_ids(LogReader& log);

struct Summary {
  DocumentCounts document;
  std::uint64_t ops = 0;
  std::uint64_t authors = 0;
  std::uint64_t quarantine = 0;
  std::uint64_t muted = 0;  ///< ops without effect: their author is not trusted here
  Digest state_digest;
  std::vector<RowFailure> failures;
};
[[nodiscard]] Result<Summary> inspect_summary(LogReader& log, std::optional<RowId> at);

struct StoryList {
  std::vector<StoryView> stories;  ///< in list order
  std::vector<RowFailure> failures;
};
/// @param cancel what there is by then is given when it is set.
[[nodiscard]] Result<StoryList> inspect_stories(LogReader& log, std::optional<RowId> at,
                                                const std::atomic<bool>* cancel = nullptr,
                                                const std::function<void(std::uint64_t rows)>& on_progress = {});

struct HistoryEntry {
  std::size_t op = 0;  ///< place in StoryReport::ops
  bool won = false;
};
struct StoryReport {
  StoryView story;
  bool live = false;
  std::optional<OpView> removal;                             ///< the op that took it out
  std::map<std::string, std::vector<HistoryEntry>> history;  ///< by field, in rowid order; exactly one won
  std::vector<OpView> ops;                                   ///< every op that concerns it, in rowid order
  std::vector<RowFailure> failures;
};
/// Signatures of the story's own ops are checked; the rest of the log is not read. With Contents::of_removal the ops
/// have no content, and `erased` says whether they have one in the log: the story's fields and its removal are whole.
/// @errors not_found: no op ever inserted it (candidates).  As load_story.
[[nodiscard]] Result<StoryReport> inspect_story(LogReader& log, const std::string& id, const StoryRead& read);
/// All of it.
[[nodiscard]] Result<StoryReport> inspect_story(LogReader& log, const std::string& id, std::optional<RowId> at);

/// Every op up to a row, each passed once in rowid order; false from the sink stops.
struct OpListing {
  std::uint64_t ops = 0;
  std::vector<RowFailure> failures;
};
[[nodiscard]] Result<OpListing> inspect_ops(LogReader& log, std::optional<RowId> at, Signatures signatures,
                                            const std::function<bool(OpView&&)>& sink);

/// One op, its signature checked.
struct OpReport {
  OpView op;
  std::optional<RowFailure> failure;  ///< it is shown as it is stored, with what is wrong
};
[[nodiscard]] Result<OpReport> inspect_op(LogReader& log, const std::string& prefix, std::optional<RowId> at);

struct AuthorView {
  AuthorId author;
  std::string name;
  Standing trust = Standing::unknown;
  bool eraser = false;
  std::optional<OpId> revoked_from;
  std::uint64_t ops = 0;
  OpIndex last_index{};
};
/// Authors with a trust record or an op in the log, by name, then key.
[[nodiscard]] Result<std::vector<AuthorView>> inspect_authors(LogReader& log, std::optional<RowId> at);

/// What is kept aside, in the order it came; of an op that waits, for what it waits now.
[[nodiscard]] Result<std::vector<QuarantinedOp>> inspect_quarantine(LogReader& log);

[[nodiscard]] Result<std::vector<OpView>> inspect_heads(LogReader& log, std::optional<RowId> at);

}  // namespace musher
