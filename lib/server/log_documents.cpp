#include "server/log_documents.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "replica/row_failure.hpp"
#include "replica/trust.hpp"
#include "report/inspect_json.hpp"
#include "report/op_json.hpp"
#include "server/story_page.hpp"

namespace musher {
namespace {

constexpr std::size_t kHistoryOps = 100;
constexpr std::size_t kStoryFailures = 10;
/// Rows that one call looks at: a filter that matches nothing may not hold up the server.
constexpr std::int64_t kMaxScannedRows = 5'000;

std::string hint_of(const LogInfo& info) {
  return fmt::format("on the server's machine: musher verify-order --log {} says what the file holds now",
                     shell_word(info.path));
}

std::string shown(const StoryView& story, StoryValues values) {
  return values == StoryValues::whole ? story_json(story) : short_story_json(story);
}

Result<std::string> remembered_story(LiveLog& live, const std::string& id, StoryValues values) {
  const std::vector<StoryView>& stories = live.stories();
  const auto found = std::ranges::find(stories, id, &StoryView::id);
  if (found == stories.end()) {
    if (!live.document().story(id).empty()) {
      return fail(Errc::damaged,
                  fmt::format("story {} was taken out; by whom and why is in the log, which this server does not "
                              "follow any more: {}",
                              id, live.problem()),
                  hint_of(live.log().info()));
    }
    std::vector<std::string> ids;
    for (const StoryView& story : stories) ids.push_back(story.id);
    return fail(
        Errc::not_found,
        fmt::format("there is no story {} in this server's memory, which is that of before the log turned bad", id),
        hint_of(live.log().info()), nearest(id, ids));
  }
  return json_text([&](JsonWriter& json) {
    begin_result(json, "musher.inspect-story/1", live.card());
    std::string story = shown(*found, values);
    story.pop_back();
    json.key("story").raw_json(story + R"(,"status":"live","purge":null})");
    json.key("history").begin_object().end_object();
    json.key("history_left_out").boolean(true);
    json.key("problem").string(live.problem());
    json.key("failures").begin_array().end_array();
    json.end_object();
    json.end_line();
  });
}

}  // namespace

Result<void> follow_file(Node& node) {
  if (node.live.problem().empty() && node.live.may_have_changed()) node.follow();
  if (node.live.problem().empty()) return {};
  return fail(Errc::damaged,
              fmt::format("only what this server has in memory is shown, without history, since it does not follow its "
                          "log any more: {}",
                          node.live.problem()),
              hint_of(node.live.log().info()));
}

Result<std::string> story_document(Node& node, const std::string& id, const std::optional<ResolvedPoint>& at,
                                   StoryValues values) {
  if (!at && !follow_file(node)) return remembered_story(node.live, id, values);
  MUSHER_TRY(const StoryReport report,
             inspect_story(node.live.log(), id, at ? at->row : node.live.applied(), &node.live.known_signatures()));
  const LogCard card = node.live.card();
  // The newest ops of each field, within what one result may have.
  std::vector<RowId> rows;
  for (const auto& [field, entries] : report.history) {
    for (const HistoryEntry& entry : entries) rows.push_back(entry.op.row.row);
  }
  std::ranges::sort(rows, std::greater{});
  const bool cut = rows.size() > kHistoryOps;
  const RowId oldest = cut ? rows[kHistoryOps - 1] : RowId{0};
  std::size_t bytes = 0;
  bool left_out = cut;
  std::vector<RowFailure> failures = report.failures;
  if (failures.size() > kStoryFailures) failures.resize(kStoryFailures);
  return json_text([&](JsonWriter& json) {
    begin_result(json, "musher.inspect-story/1", card, at);
    std::string story = shown(report.story, values);
    story.pop_back();
    if (values == StoryValues::cut) bytes = result_bytes(story);
    story += fmt::format(",\"status\":\"{}\",\"purge\":{}}}", status_of(report),
                         report.removal ? short_op_json(*report.removal) : "null");
    json.key("story").raw_json(story);
    json.key("history").begin_object();
    for (const auto& [field, entries] : report.history) {
      bool begun = false;
      for (const HistoryEntry& entry : entries) {
        std::string op = short_op_json(entry.op);
        bytes += result_bytes(op) + (begun ? 0 : result_bytes(field));
        if ((cut && entry.op.row.row < oldest && !entry.won) || bytes > kMaxResultBytes) {
          left_out = true;
          continue;
        }
        if (!std::exchange(begun, true)) json.key(field).begin_array();
        op.pop_back();
        json.raw_json(op + (entry.won ? ",\"won\":true}" : ",\"won\":false}"));
      }
      if (begun) json.end_array();
    }
    json.end_object();
    if (left_out) json.key("history_left_out").boolean(true);
    write_failures(json, failures);
    json.end_object();
    json.end_line();
  });
}

Result<std::string> ops_document(Node& node, const OpQuery& query) {
  MUSHER_CHECK(follow_file(node));
  LogReader& log = node.live.log();
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  std::optional<AuthorId> author;
  if (query.author) {
    MUSHER_TRY(author, find_author(log, *query.author));
  }
  const RowId last = node.live.applied();
  OpDescriber describer(log, trust);
  std::vector<std::string> ops;
  std::optional<RowId> next;
  std::size_t bytes = 0;
  Error problem;
  std::vector<RowFailure> failures;
  constexpr std::size_t kFailureBytes = 2'000;  // twice what is left of an op without its content
  const Verifier verifier(log.info().document);
  const auto take = [&](const ScannedRow& scanned) {
    const RowId number = std::visit([](const auto& any) { return any.row; }, scanned);
    if (number <= query.after) return true;
    const OpRow* row = std::get_if<OpRow>(&scanned);
    if (row != nullptr && author && row->op.op.author != *author) return true;
    if (row != nullptr && query.kind && to_string(row->op.op.kind) != *query.kind) return true;
    if (ops.size() == query.limit || failures.size() == query.limit || bytes > kMaxResultBytes) {
      next = RowId{raw(number) - 1};
      return false;
    }
    const CheckedRow checked = check_row(verifier, scanned, Signatures::skip);
    const auto failure = failure_of(checked);
    if (failure) {
      failures.push_back(*failure);
      bytes += kFailureBytes;
    }
    if (row == nullptr) return true;
    auto view = describer.describe(*row, Verified::no);
    if (!view) {
      problem = std::move(view).error();
      return false;
    }
    if (failure) {  // what it says nobody signed
      view->row.op.content.reset();
      view->erased = false;
    }
    ops.push_back(short_op_json(*view));
    bytes += result_bytes(ops.back());
    return true;
  };
  if (query.story) {
    MUSHER_TRY(const auto rows, log.story_rows(*query.story, last));
    for (const ScannedRow& row : rows) {
      if (!take(row)) break;
    }
    if (rows.empty()) return std::unexpected(no_such_story(log, *query.story));
  } else {
    const RowId upto =
        raw(last) - raw(query.after) > kMaxScannedRows ? RowId{raw(query.after) + kMaxScannedRows} : last;
    MUSHER_CHECK(log.scan(query.after, upto, [&](ScannedRow&& row) { return take(row); }));
    if (!next && upto < last) next = upto;
  }
  if (!problem.what.empty()) return std::unexpected(std::move(problem));
  const LogCard card = node.live.card();
  const auto cursor = next ? std::optional(std::to_string(raw(*next))) : std::nullopt;
  return json_text([&](JsonWriter& json) {
    begin_result(json, "musher.inspect-ops/1", card, {}, cursor);
    json.key("ops").begin_array();
    for (const std::string& op : ops) json.raw_json(op);
    json.end_array();
    write_failures(json, failures);
    json.end_object();
    json.end_line();
  });
}

}  // namespace musher
