#include "server/log_documents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "model/text.hpp"
#include "replica/row_failure.hpp"
#include "replica/trust.hpp"
#include "report/inspect_json.hpp"
#include "report/op_json.hpp"
#include "server/story_page.hpp"

namespace musher {
namespace {

constexpr std::size_t kStoryFailures = 10;
/// Rows that one call looks at: a filter that matches nothing may not hold up the server.
constexpr std::int64_t kMaxScannedRows = 5'000;

std::string hint_of(const LogInfo& info) {
  return fmt::format("on the server's machine: musher verify-order --log {} says what the file holds now",
                     shell_word(info.path));
}

Result<CutDocument> remembered_story(LiveLog& live, const std::string& id, std::string (*shown)(const StoryView&)) {
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
  return CutDocument{json_text([&](JsonWriter& json) {
                       begin_result(json, "musher.inspect-story/1", live.card());
                       std::string story = shown(*found);
                       story.pop_back();
                       json.key("story").raw_json(story + R"(,"status":"live","purge":null})");
                       json.key("history").begin_object().end_object();
                       json.key("history_left_out").boolean(true);
                       json.key("problem").string(live.problem());
                       json.key("failures").begin_array().end_array();
                       json.end_object();
                       json.end_line();
                     }),
                     {link_to_story(id)}};
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

namespace {

/// The history of a story, a page of it.
struct HistoryPage {
  std::map<std::string_view, std::vector<std::string>> entries;  ///< by field, in rowid order
  std::vector<ResourceLink> links;
  std::optional<std::string> next_cursor;
};

/// As many as the request wants and as there is room for beside `bytes`, and one at least. A cursor names the last
/// entry of the page before: what is written meanwhile is newer and in no page that follows.
Result<HistoryPage> history_page(const StoryReport& report, const PageRequest& request, std::size_t bytes) {
  struct Entry {
    std::size_t row;
    std::string_view field;
    const HistoryEntry* entry;
  };
  MUSHER_TRY(const auto cursor, read_cursor(request.cursor));
  std::vector<Entry> all;
  for (const auto& [field, entries] : report.history) {
    for (const HistoryEntry& entry : entries) {
      const auto row = static_cast<std::size_t>(raw(entry.op.row.row));
      if (!cursor || row < cursor->number || (row == cursor->number && field > cursor->name))
        all.push_back({row, field, &entry});
    }
  }
  std::ranges::sort(all,
                    [](const Entry& a, const Entry& b) { return std::tie(b.row, a.field) < std::tie(a.row, b.field); });
  HistoryPage page;
  std::size_t taken = 0;
  for (; taken < all.size() && taken < request.limit; ++taken) {
    const auto& [row, field, entry] = all[taken];
    std::string op = short_op_json(entry->op);
    bytes += result_bytes(op) + result_bytes(field);
    if (is_cut(entry->op)) bytes += link_bytes(op_uri(entry->op.row.id));
    if (bytes > kMaxResultBytes && taken > 0) break;
    op.pop_back();
    page.entries[field].push_back(op + (entry->won ? ",\"won\":true}" : ",\"won\":false}"));
    if (is_cut(entry->op)) page.links.push_back(link_to_op(entry->op.row.id));
  }
  if (taken < all.size() && taken > 0)
    page.next_cursor = fmt::format("{}:{}", all[taken - 1].row, all[taken - 1].field);
  for (auto& [field, entries] : page.entries) std::ranges::reverse(entries);
  return page;
}

void write_history(JsonWriter& json, const HistoryPage& page) {
  json.key("history").begin_object();
  for (const auto& [field, entries] : page.entries) {
    json.key(field).begin_array();
    for (const std::string& entry : entries) json.raw_json(entry);
    json.end_array();
  }
  json.end_object();
}

std::string story_with_status(std::string story, const StoryReport& report) {
  story.pop_back();
  return story + fmt::format(",\"status\":\"{}\",\"purge\":{}}}", status_of(report),
                             report.removal ? short_op_json(*report.removal) : "null");
}

void write_first_failures(JsonWriter& json, std::vector<RowFailure> failures) {
  if (failures.size() > kStoryFailures) failures.resize(kStoryFailures);
  write_failures(json, failures);
}

}  // namespace

Result<CutDocument> story_page(Node& node, const std::string& id, const std::optional<ResolvedPoint>& at,
                               const PageRequest& request) {
  if (!at && !follow_file(node)) return remembered_story(node.live, id, short_story_json);
  MUSHER_TRY(const StoryReport report,
             inspect_story(node.live.log(), id, at ? at->row : node.live.applied(), &node.live.known_signatures()));
  const std::string story = story_with_status(short_story_json(report.story), report);
  MUSHER_TRY(const HistoryPage page, history_page(report, request, result_bytes(story)));
  CutDocument document{json_text([&](JsonWriter& json) {
    begin_result(json, "musher.inspect-story/1", node.live.card(), at, page.next_cursor);
    json.key("story").raw_json(story);
    write_history(json, page);
    write_first_failures(json, report.failures);
    json.end_object();
    json.end_line();
  })};
  document.links.push_back(link_to_story(id));
  if (report.removal && is_cut(*report.removal)) document.links.push_back(link_to_op(report.removal->row.id));
  document.links.insert(document.links.end(), page.links.begin(), page.links.end());
  return document;
}

Result<std::string> story_document(Node& node, const std::string& id) {
  if (!follow_file(node)) {
    MUSHER_TRY(CutDocument remembered, remembered_story(node.live, id, story_json));
    return std::move(remembered.json);
  }
  MUSHER_TRY(const StoryReport report,
             inspect_story(node.live.log(), id, node.live.applied(), &node.live.known_signatures()));
  MUSHER_TRY(const HistoryPage page, history_page(report, {.limit = kHistoryEntries}, 0));
  return json_text([&](JsonWriter& json) {
    begin_result(json, "musher.inspect-story/1", node.live.card());
    json.key("story").raw_json(story_with_status(story_json(report.story), report));
    write_history(json, page);
    if (page.next_cursor) json.key("history_left_out").boolean(true);
    write_first_failures(json, report.failures);
    json.end_object();
    json.end_line();
  });
}

Result<std::string> op_document(Node& node, const std::string& id) {
  MUSHER_CHECK(follow_file(node));
  MUSHER_TRY(const OpReport report, inspect_op(node.live.log(), id, node.live.applied()));
  const LogCard card = node.live.card();
  return json_text([&](JsonWriter& json) {
    write_op_report(json, {"musher.inspect-op/1", std::nullopt, &card}, report);
  });
}

Result<CutDocument> ops_document(Node& node, const OpQuery& query) {
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
  std::vector<ResourceLink> links;
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
    if (is_cut(*view)) {
      links.push_back(link_to_op(view->row.id));
      bytes += link_bytes(links.back().uri);
    }
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
  return CutDocument{json_text([&](JsonWriter& json) {
                       begin_result(json, "musher.inspect-ops/1", card, {}, cursor);
                       json.key("ops").begin_array();
                       for (const std::string& op : ops) json.raw_json(op);
                       json.end_array();
                       write_failures(json, failures);
                       json.end_object();
                       json.end_line();
                     }),
                     std::move(links)};
}

}  // namespace musher
