#include "server/audit_tools.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "audit/compare.hpp"
#include "audit/replay.hpp"
#include "audit/verify_order.hpp"
#include "model/escape.hpp"
#include "report/replay_json.hpp"
#include "report/verify_order_json.hpp"
#include "server/ends_on_loop.hpp"
#include "server/long_work.hpp"
#include "server/off_loop.hpp"
#include "server/story_page.hpp"
#include "server/tool_schemas.hpp"

namespace musher {
namespace {

using CallPtr = std::shared_ptr<mcp::Call>;

constexpr std::size_t kReplayStories = 50;
constexpr std::size_t kFindings = 200;

std::string text_of(const Finding& finding) {
  return fmt::format("{}: {}", kind_of(finding.code).name, finding.message);
}

/// A row whose bytes nobody signed, though it may apply as well as any other.
bool is_bad_row(const Finding& finding) {
  const Check check = kind_of(finding.code).check;
  return (check == Check::row || check == Check::signature) && finding.severity() == Severity::error &&
         !finding.acknowledged;
}

/// The elements from `first` on, `most` of them.
template <class Element>
void keep_page(std::vector<Element>& list, std::size_t first, std::size_t most) {
  const auto begin = list.begin() + static_cast<std::ptrdiff_t>(std::min(first, list.size()));
  list.erase(list.begin(), begin);
  if (list.size() > most) list.erase(list.begin() + static_cast<std::ptrdiff_t>(most), list.end());
}

/// So that one of them is always short enough for a page.
void shorten_texts(Finding& finding) {
  constexpr std::size_t kLongest = 2'000;
  for (std::string* text : {&finding.message, &finding.hint}) *text = shortened_text(*text, kLongest);
  for (std::optional<std::string>* text : {&finding.story, &finding.field, &finding.expected, &finding.found})
    if (*text) *text = shortened_text(**text, kLongest);
}

/// A page of the findings, and all else of the report. An audit that is the same finds the same in the same order, so a
/// cursor is the number of findings before, and the code of the last of them: the log may be another meanwhile.
Result<mcp::ToolResult> audit_result(SqliteOpLog& log, const AuditReport& report, const PageRequest& request) {
  MUSHER_TRY(const auto cursor, read_cursor(request.cursor));
  const std::size_t first = cursor ? cursor->number : 0;
  if (first > report.findings.size() || (first > 0 && cursor->name != kind_of(report.findings[first - 1].code).name)) {
    return fail(Errc::usage, "the findings are no longer those of the page before", "call again without a cursor");
  }
  const auto card = log_card(log);
  const LogCard shown = card ? *card : LogCard{log.info(), report.coverage.rows, {}};
  Envelope envelope{"musher.verify-order/1", std::nullopt, &shown, to_string(report.verdict), {}};
  std::string document;
  for (std::size_t most = request.limit;; most /= 2) {
    AuditReport page = report;
    keep_page(page.findings, first, most);
    std::ranges::for_each(page.findings, shorten_texts);
    const std::size_t behind = first + page.findings.size();
    envelope.next_cursor.reset();
    if (behind < report.findings.size() && behind > first)
      envelope.next_cursor = fmt::format("{}:{}", behind, kind_of(report.findings[behind - 1].code).name);
    document = json_text([&](JsonWriter& json) { write_verify_order(json, envelope, page); });
    if (result_bytes(document) <= kMaxResultBytes || most <= 1) break;
  }
  return mcp::structured_result(
      fmt::format("{}: {} of {} rows and {} signatures checked, {} findings. {}", to_string(report.verdict),
                  report.coverage.rows_checked, report.coverage.rows, report.coverage.signatures_checked,
                  report.findings.size() + report.findings_not_kept, kDataNotice),
      std::move(document));
}

Result<AuditReport> audit(SqliteOpLog& log, bool full, const Host& host, const std::atomic<bool>& cancelled,
                          const std::function<void(std::uint64_t)>& progress) {
  AuditRequest request;
  request.full = full;
  request.threads = 1;
  request.now_ms = host.now_ms();
  request.tip_notes = host.state_dir;
  request.cancel = &cancelled;
  request.on_progress = progress;
  return verify_order(log, request);
}

LastAudit to_note(SqliteOpLog& log, const AuditReport& report, const Host& host) {
  LastAudit last;
  last.finished_ms = host.now_ms();
  last.verdict = to_string(report.verdict);
  if (auto shown = audit_result(log, report, {.limit = kFindings})) last.document = std::move(shown->structured);
  const auto severity = [](const Finding& finding) { return finding.severity(); };
  last.errors = static_cast<std::size_t>(std::ranges::count(report.findings, Severity::error, severity));
  const auto first = std::ranges::find(report.findings, Severity::error, severity);
  if (first != report.findings.end()) last.first_error = text_of(*first);
  const auto bad = std::ranges::find_if(report.findings, is_bad_row);
  if (bad != report.findings.end()) last.bad_row = text_of(*bad);
  return last;
}

/// Of an audit that could not be made: that is no verdict without errors, unless there is nothing to audit yet.
LastAudit to_note(const Error& error, const Host& host) {
  LastAudit last;
  last.finished_ms = host.now_ms();
  last.verdict = error.code == Errc::empty ? "empty" : "failed";
  if (error.code != Errc::empty) {
    last.errors = 1;
    last.first_error = error.what;
  }
  last.document = error_result(error).structured;
  return last;
}

/// Notes an audit from a worker's thread, unless one that was begun later is noted already.
void note(Node& node, std::uint64_t number, LastAudit last) {
  node.post([&node, number, last = std::move(last)]() mutable {
    if (number <= node.audits.noted) return;
    node.audits.noted = number;
    node.last_audit = std::move(last);
    node.audited();
  });
}

void verify_order_tool(Node& node, const CallPtr& call) {
  const bool full = flag_argument(*call, "full");
  const PageRequest page = page_argument(*call, kFindings);
  run_long(node, call,
           [&node, full, page, host = node.host, number = ++node.audits.begun, held = node.audits.held](
               SqliteOpLog& log, const auto& cancelled, const auto& progress) -> Result<mcp::ToolResult> {
             MUSHER_TRY(const AuditReport report, audit(log, full, host, cancelled, progress));
             if (!report.cancelled) note(node, number, to_note(log, report, host));
             return audit_result(log, report, page);
           });
}

/// How many failures, differences and counters a result lists; fewer when that is too long.
constexpr std::size_t kMaxListed = 50;

void shorten(std::optional<std::string>& value) {
  if (auto shorter = value ? shortened_value(*value) : std::nullopt) value = *std::move(shorter);
}

void shorten_ops(std::vector<ReplayFailure>& failures) {
  for (ReplayFailure& failure : failures)
    if (failure.op) shorten(failure.op->row.op.content);
}

/// Of each list but the stories a page; false: there is no more of any.
bool keep_lists_page(Comparison& found, std::size_t first, std::size_t most) {
  bool more = false;
  const auto keep = [&](auto& list) {
    more |= list.size() > first + most;
    keep_page(list, first, most);
  };
  keep(found.left.failures);
  keep(found.left.gaps);
  keep(found.left.next_seq);
  keep(found.right.failures);
  keep(found.right.gaps);
  keep(found.right.next_seq);
  keep(found.right.differences);
  shorten_ops(found.left.failures);
  shorten_ops(found.right.failures);
  for (StateDifference& difference : found.right.differences) {
    shorten(difference.left);
    shorten(difference.right);
  }
  return more;
}

/// One page of the stories instead of all. Returns the cursor of what is behind it, which may be nothing.
Result<std::string> keep_stories_page(ReplayReport& report, const PageRequest& request, bool& more) {
  MUSHER_TRY(const StoryPage page, page_of(report.stories, {}, request));
  std::vector<StoryView> stories;
  for (const StoryView* story : page.stories) stories.push_back(*story);
  report.stories = std::move(stories);
  more |= page.next_cursor.has_value();
  return page.next_cursor.value_or(fmt::format("{}:", page.total));
}

/// A page of the stories and of each other list: cut until a result has room for it. `compared`: with the right side. A
/// cursor is how many elements of the lists came before, and the cursor of the stories.
Result<std::string> replay_document(const Comparison& found, bool compared, const PageRequest& request,
                                    Envelope envelope) {
  MUSHER_TRY(const auto cursor, read_cursor(request.cursor));
  constexpr std::size_t kFurthest = std::size_t{1} << 40U;
  const std::size_t first = cursor ? std::min(cursor->number, kFurthest) : 0;
  PageRequest stories{request.limit, cursor ? std::optional(cursor->name) : std::nullopt};
  for (std::size_t most = kMaxListed;; most /= 2, stories.limit = std::max<std::size_t>(1, stories.limit / 2)) {
    Comparison kept = found;
    bool more = false;
    MUSHER_TRY(const std::string next_stories, keep_stories_page(kept.left, stories, more));
    more |= keep_lists_page(kept, first, most);
    envelope.next_cursor = more ? std::optional(fmt::format("{}:{}", first + most, next_stories)) : std::nullopt;
    const auto short_story = [](JsonWriter& json, const StoryView& story) { json.verbatim(short_story_json(story)); };
    std::string document = json_text([&](JsonWriter& json) {
      if (compared)
        write_comparison(json, envelope, kept, short_story);
      else
        write_replay(json, envelope, kept.left, short_story);
    });
    if (result_bytes(document) <= kMaxResultBytes || most <= 1) return document;
  }
}

Result<mcp::ToolResult> replay_log(SqliteOpLog& log, ReplayRequest request, bool with_seq, const PageRequest& page,
                                   const std::optional<PointInTime>& point) {
  MUSHER_TRY(const LogCard card, log_card(log));
  std::optional<ResolvedPoint> at;
  if (point) {
    MUSHER_TRY(at, resolve(log, *point));
    request.at = at->row;
  }
  Envelope envelope{"musher.replay/1", std::nullopt, &card, {}, at};
  Comparison found;
  std::string summary;
  if (with_seq) {
    MUSHER_TRY(found, compare_with_seq(log, request));
    const bool same = found.same();
    summary = fmt::format("In rowid order and in seq order: {}, {} differences.", same ? "the same" : "different",
                          found.right.differences.size());
    envelope.verdict = same ? "same" : "different";
  } else {
    MUSHER_TRY(found.left, replay(log, request));
    summary = fmt::format("{} ops replayed, {} failed.", found.left.ops.applied, found.left.ops.failed);
    if (!found.left.gaps.empty()) summary += " Rows are missing.";
    envelope.verdict = found.left.ok() ? "ok" : "failed";
  }
  MUSHER_TRY(std::string document, replay_document(found, with_seq, page, envelope));
  return mcp::structured_result(fmt::format("{} {}", summary, kDataNotice), std::move(document));
}

/// Memory against a fresh replay of the file: built on a worker's thread, compared on the server's.
void compare_with_memory(Node& node, const CallPtr& call) {
  using Fresh = std::shared_ptr<LiveDocument>;  // std::function wants what it holds to be copied
  const auto replay = [&node, call, upto = node.live.applied()](SqliteOpLog& log,
                                                                const std::atomic<bool>& cancelled) -> Result<Fresh> {
    MUSHER_TRY(auto started, LiveDocument::start(log));
    auto fresh = std::make_shared<LiveDocument>(std::move(started));
    CatchUpOptions options;
    options.upto = upto;
    options.signatures = Signatures::check;
    options.threads = 1;
    options.cancel = &cancelled;
    options.on_progress = progress_of(node, call, log.count().value_or(0));
    MUSHER_CHECK(fresh->catch_up(log, options));
    return fresh;
  };
  const auto compare = [&node, call, page = page_argument(*call, kReplayStories)](const Result<Fresh>& replayed) {
    if (!replayed) return call->finish(error_result(replayed.error()));
    const Fresh& fresh = *replayed;
    node.follow();
    CatchUpOptions rest;
    rest.upto = node.live.applied();
    // Of a file that is not followed any more there is no rest: what it has is compared with what was sound.
    if (node.live.problem().empty()) {
      if (const auto caught_up = fresh->catch_up(node.live.log(), rest); !caught_up)
        return call->finish(error_result(caught_up.error()));
    }
    const LogCard card = node.live.card();
    const auto found = musher::compare_with_memory(node.live.log(), *fresh, node.live.live());
    if (!found) return call->finish(error_result(found.error()));
    const std::string_view verdict = found->same() ? "same" : "different";
    auto document = replay_document(*found, true, page, {"musher.replay/1", std::nullopt, &card, verdict});
    if (!document) return call->finish(error_result(document.error()));
    call->finish(mcp::structured_result(fmt::format("A fresh replay of row 1 to {} and this server's memory are {}. {}",
                                                    raw(rest.upto), verdict, kDataNotice),
                                        *std::move(document)));
  };
  run_off_loop<Fresh>(node, node.workers, call, replay, compare);
}

void replay_tool(Node& node, const CallPtr& call) {
  const auto compare = text_argument(*call, "compare");
  const auto order = text_argument(*call, "order");
  const auto at_text = text_argument(*call, "at");
  if (compare && order == "seq") {
    return call->finish(error_result({Errc::usage, "order and compare do not go together", "leave one out"}));
  }
  if (compare == "live") {
    if (!at_text) return compare_with_memory(node, call);
    return call->finish(error_result(
        {Errc::usage, "memory is only compared as it is now: `at` does not go with compare live", "leave `at` out"}));
  }
  std::optional<PointInTime> at;
  if (at_text) {
    const auto point = node.parse_point(*at_text);
    if (!point) return call->finish(error_result(point.error()));
    at = *point;
  }
  const PageRequest page = page_argument(*call, kReplayStories);
  run_long(node, call, [=](SqliteOpLog& log, const std::atomic<bool>& cancelled, const auto& progress) {
    ReplayRequest request;
    request.order = order == "seq" ? ReplayOrder::seq : ReplayOrder::rowid;
    request.threads = 1;
    request.cancel = &cancelled;
    request.on_progress = progress;
    return replay_log(log, request, compare == "seq", page, at);
  });
}

mcp::Tool tool(std::string name, std::string title, std::string description, std::string input, std::string output) {
  mcp::Tool made;
  made.name = std::move(name);
  made.title = std::move(title);
  made.description = std::move(description);
  made.input_schema = std::move(input);
  made.output_schema = std::move(output);
  made.annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false};
  return made;
}

}  // namespace

Result<void> add_audit_tools(mcp::Server& server, Node& node) {
  mcp::Tool replay =
      tool("replay_at", "Replay the log",
           "Builds the document again from the log, every signature checked: as it is now, or up to `at`. `order: seq` "
           "takes the ops in the naive order instead; `compare: seq` says what that order would lose, and `compare: "
           "live` whether this server's memory is what its log says.",
           replay_at_input(), replay_at_output());
  replay.handler = [&node](const CallPtr& call) { replay_tool(node, ends_on_loop(node.post, call)); };
  MUSHER_CHECK(server.add(std::move(replay)));
  mcp::Tool verify =
      tool("verify_order", "Audit the log",
           "Checks the whole log: every id, digest, signature, dependency, order and derived table. Says what "
           "was looked at, and each finding with what to do. A long log takes a while; a client can be told how far "
           "it is (progressToken), and cancel it.",
           verify_order_input(), verify_order_output());
  verify.handler = [&node](const CallPtr& call) { verify_order_tool(node, ends_on_loop(node.post, call)); };
  return server.add(std::move(verify));
}

bool audit_in_background(Node& node) {
  Audits& audits = node.audits;
  const auto job = [&node, path = node.live.log().info().path, host = node.host, number = audits.begun + 1,
                    held = audits.held](const std::atomic<bool>& cancelled) {
    const auto log = SqliteOpLog::open(path, OpenMode::read);
    const auto report = log ? audit(**log, true, host, cancelled, [](std::uint64_t) {}) : std::unexpected(log.error());
    note(node, number, report ? to_note(**log, *report, host) : to_note(report.error(), host));
  };
  const CancelFlag flag = node.workers.submit(job);
  if (!flag) return false;
  if (audits.own) audits.own->store(true);
  audits.own = flag;
  audits.noted = audits.begun++;
  return true;
}

}  // namespace musher
