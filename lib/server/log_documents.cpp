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
#include "server/off_loop.hpp"
#include "server/story_page.hpp"

namespace musher {
namespace {

constexpr std::size_t kStoryFailures = 10;
/// Rows that one call looks at: a filter that matches nothing may not hold up its reader.
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

using CallPtr = std::shared_ptr<mcp::Call>;

/// What memory had of the log when a call began to read the file: the rest of the file is not looked at.
struct Memory {
  LogCard card;
  RowId applied{};
  std::shared_ptr<KnownSignatures> known;
};

/// `read` runs on a reader's thread. What the file turns out not to be any more, meanwhile too, is an error.
template <class T>
void read_file(
    Node& node, const CallPtr& call,
    std::function<Result<T>(SqliteOpLog& log, const Memory& memory, const std::atomic<bool>& cancelled)> read,
    Then<T> done) {
  if (auto followed = follow_file(node); !followed) return done(std::unexpected(std::move(followed).error()));
  run_off_loop<T>(
      node, node.readers, call,
      [memory = Memory{node.live.card(), node.live.applied(), node.live.known_signatures()}, read = std::move(read)](
          SqliteOpLog& log, const std::atomic<bool>& cancelled) { return read(log, memory, cancelled); },
      [&node, done = std::move(done)](Result<T> result) {
        if (auto followed = follow_file(node); !followed) result = std::unexpected(std::move(followed).error());
        done(std::move(result));
      });
}

/// Without what a page does not show: a story may have been set a thousand times to a megabyte.
StoryRead story_read(const Memory& memory, RowId upto, const std::atomic<bool>& cancelled) {
  return {.upto = upto, .known = memory.known.get(), .contents = Contents::of_removal, .cancel = &cancelled};
}

/// The history of a story, a page of it.
struct HistoryPage {
  std::map<std::string_view, std::vector<std::string>> entries;  ///< by field, in rowid order
  std::vector<ResourceLink> links;
  std::optional<std::string> next_cursor;
};

/// As many as the request wants and as there is room for beside `bytes`, and one at least. A cursor names the last
/// entry of the page before: what is written meanwhile is newer and in no page that follows.
Result<HistoryPage> history_page(LogReader& log, const StoryReport& report, const PageRequest& request,
                                 std::size_t bytes) {
  struct Entry {
    std::size_t row;
    std::string_view field;
    const HistoryEntry* entry;
  };
  std::optional<std::size_t> shown;  // an insert is the entry of many fields, one after the other
  OpView view;
  std::string op;
  MUSHER_TRY(const auto cursor, read_cursor(request.cursor));
  std::vector<Entry> all;
  for (const auto& [field, entries] : report.history) {
    for (const HistoryEntry& entry : entries) {
      const auto row = static_cast<std::size_t>(raw(report.ops[entry.op].row.row));
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
    if (shown != entry->op) {
      shown = entry->op;
      view = report.ops[entry->op];
      MUSHER_CHECK(restore_content(log, view.row));
      view.erased = !view.row.op.op.content_digest.is_zero() && !view.row.op.content;
      op = short_op_json(view);
    }
    bytes += result_bytes(op) + result_bytes(field);
    if (is_cut(view)) bytes += link_bytes(op_uri(view.row.id));
    if (bytes > kMaxResultBytes && taken > 0) break;
    page.entries[field].push_back(op.substr(0, op.size() - 1) + (entry->won ? ",\"won\":true}" : ",\"won\":false}"));
    if (is_cut(view)) page.links.push_back(link_to_op(view.row.id));
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

void story_page(Node& node, const CallPtr& call, const StoryQuery& query, Then<CutDocument> done) {
  const auto read = [query](SqliteOpLog& log, const Memory& memory,
                            const std::atomic<bool>& cancelled) -> Result<CutDocument> {
    std::optional<ResolvedPoint> at;
    if (query.at) {
      MUSHER_TRY(at, resolve(log, *query.at));
    }
    MUSHER_TRY(const StoryReport report,
               inspect_story(log, query.id, story_read(memory, at ? at->row : memory.applied, cancelled)));
    const std::string story = story_with_status(short_story_json(report.story), report);
    MUSHER_TRY(const HistoryPage page, history_page(log, report, query.page, result_bytes(story)));
    CutDocument document{json_text([&](JsonWriter& json) {
      begin_result(json, "musher.inspect-story/1", memory.card, at, page.next_cursor);
      json.key("story").raw_json(story);
      write_history(json, page);
      write_first_failures(json, report.failures);
      json.end_object();
      json.end_line();
    })};
    document.links.push_back(link_to_story(query.id));
    if (report.removal && is_cut(*report.removal)) document.links.push_back(link_to_op(report.removal->row.id));
    document.links.insert(document.links.end(), page.links.begin(), page.links.end());
    return document;
  };
  read_file<CutDocument>(node, call, read, [&node, query, done = std::move(done)](Result<CutDocument> page) {
    const bool from_memory = !query.at && !node.live.problem().empty();
    done(from_memory ? remembered_story(node.live, query.id, short_story_json) : std::move(page));
  });
}

void story_document(Node& node, const CallPtr& call, const std::string& id, Then<std::string> done) {
  const auto read = [id](SqliteOpLog& log, const Memory& memory,
                         const std::atomic<bool>& cancelled) -> Result<std::string> {
    MUSHER_TRY(const StoryReport report, inspect_story(log, id, story_read(memory, memory.applied, cancelled)));
    MUSHER_TRY(const HistoryPage page, history_page(log, report, {.limit = kHistoryEntries}, 0));
    return json_text([&](JsonWriter& json) {
      begin_result(json, "musher.inspect-story/1", memory.card);
      json.key("story").raw_json(story_with_status(story_json(report.story), report));
      write_history(json, page);
      if (page.next_cursor) json.key("history_left_out").boolean(true);
      write_first_failures(json, report.failures);
      json.end_object();
      json.end_line();
    });
  };
  read_file<std::string>(node, call, read, [&node, id, done = std::move(done)](Result<std::string> document) {
    const bool from_memory = !node.live.problem().empty();
    done(from_memory ? json_of(remembered_story(node.live, id, story_json)) : std::move(document));
  });
}

void op_document(Node& node, const CallPtr& call, const std::string& id, Then<std::string> done) {
  const auto read = [id](SqliteOpLog& log, const Memory& memory, const std::atomic<bool>&) -> Result<std::string> {
    MUSHER_TRY(const OpReport report, inspect_op(log, id, memory.applied));
    return json_text([&](JsonWriter& json) {
      write_op_report(json, {"musher.inspect-op/1", std::nullopt, &memory.card}, report);
    });
  };
  read_file<std::string>(node, call, read, std::move(done));
}

namespace {

Result<CutDocument> read_ops(LogReader& log, const Memory& memory, const OpQuery& query,
                             const std::atomic<bool>& cancelled) {
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  std::optional<AuthorId> author;
  if (query.author) {
    MUSHER_TRY(author, find_author(log, *query.author));
  }
  const RowId last = memory.applied;
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
    if (cancelled.load(std::memory_order_relaxed)) {
      problem = {Errc::incomplete, "reading the ops was cancelled", ""};
      return false;
    }
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
    bool any = false;
    MUSHER_CHECK(log.scan_story(*query.story, last, StoryPart::all, [&](ScannedRow&& row) {
      any = true;
      return take(row);
    }));
    if (!any) return std::unexpected(no_such_story(log, *query.story));
  } else {
    const RowId upto =
        raw(last) - raw(query.after) > kMaxScannedRows ? RowId{raw(query.after) + kMaxScannedRows} : last;
    MUSHER_CHECK(log.scan(query.after, upto, [&](ScannedRow&& row) { return take(row); }));
    if (!next && upto < last) next = upto;
  }
  if (!problem.what.empty()) return std::unexpected(std::move(problem));
  const auto cursor = next ? std::optional(std::to_string(raw(*next))) : std::nullopt;
  return CutDocument{json_text([&](JsonWriter& json) {
                       begin_result(json, "musher.inspect-ops/1", memory.card, {}, cursor);
                       json.key("ops").begin_array();
                       for (const std::string& op : ops) json.raw_json(op);
                       json.end_array();
                       write_failures(json, failures);
                       json.end_object();
                       json.end_line();
                     }),
                     std::move(links)};
}

}  // namespace

void ops_document(Node& node, const CallPtr& call, const OpQuery& query, Then<CutDocument> done) {
  const auto read = [query](SqliteOpLog& log, const Memory& memory, const std::atomic<bool>& cancelled) {
    return read_ops(log, memory, query, cancelled);
  };
  read_file<CutDocument>(node, call, read, std::move(done));
}

}  // namespace musher
