#include "replica/inspect.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "model/canonical_bytes.hpp"
#include "model/canonical_json.hpp"
#include "oplog/hints.hpp"
#include "replica/admission.hpp"
#include "replica/live_document.hpp"
#include "replica/removal.hpp"
#include "replica/settlement.hpp"

namespace musher {
namespace {

Result<RowId> upto(LogReader& log, std::optional<RowId> at) {
  if (at) return *at;
  return log.last_row();
}

/// Nobody signed the content of a row that does not hold: it is never shown.
void hide_content(OpView& view) {
  view.row.op.content.reset();
  view.erased = false;
}

/// The fields an insert wrote; those it still wins where its content was erased.
std::set<std::string> initial_fields(const OpRow& insert, const std::vector<FieldState>& now) {
  std::set<std::string> names;
  if (insert.op.content) {
    for (const auto& [name, value] : members(*insert.op.content)) names.insert(name);
  }
  for (const FieldState& field : now) {
    if (field.winner == insert.id) names.insert(field.name);
  }
  return names;
}

/// A document keeps no values of hidden items; the history of a story that is gone has them still.
Result<void> restore_values(LogReader& log, const Story& story, StoryView& view) {
  std::optional<OpRow> insert;  // the winner of every field that nobody set, and read once
  for (FieldState& field : view.fields) {
    const HeardRow* winner = story.row_of(field.winner);
    if (field.erased || winner == nullptr) continue;
    if (winner->row.op.op.kind == OpKind::set) {
      OpRow set = winner->row;
      MUSHER_CHECK(restore_content(log, set));
      field.value = std::move(set.op.content);
    }
    if (winner->row.op.op.kind != OpKind::insert) continue;
    if (!insert) {
      insert = winner->row;
      MUSHER_CHECK(restore_content(log, *insert));
    }
    if (!insert->op.content) continue;
    for (auto& [name, value] : members(*insert->op.content)) {
      if (name == field.name) field.value = std::move(value);
    }
  }
  return {};
}

}  // namespace

Result<LogCard> log_card(LogReader& log) {
  LogCard card{log.info(), 0, {}};
  MUSHER_TRY(card.ops, log.count());
  MUSHER_TRY(card.heads, head_ids(log));
  return card;
}

Result<std::vector<OpId>> head_ids(LogReader& log) {
  std::vector<OpId> ids;
  MUSHER_TRY(const auto heads, log.heads());
  for (const Head& head : heads) ids.push_back(head.id);
  return ids;
}

Result<Summary> inspect_summary(LogReader& log, std::optional<RowId> at) {
  Summary summary;
  std::unordered_set<AuthorId, IdHash> authors;
  CatchUpOptions options;
  MUSHER_TRY(options.upto, upto(log, at));
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    authors.insert(row.op.op.author);
    if (!effective) ++summary.muted;
  };
  MUSHER_TRY(auto live, LiveDocument::start(log));
  MUSHER_CHECK(live.catch_up(log, options));
  summary.document = live.document().counts();
  summary.ops = live.counts().read;
  summary.authors = authors.size();
  MUSHER_TRY(const auto quarantine, log.quarantine());
  summary.quarantine = quarantine.size();
  summary.state_digest = live.document().state_digest();
  summary.failures = live.failures();
  return summary;
}

Result<StoryList> inspect_stories(LogReader& log, std::optional<RowId> at, const std::atomic<bool>* cancel,
                                  const std::function<void(std::uint64_t)>& on_progress) {
  StoryTracker tracker;
  CatchUpOptions options;
  options.cancel = cancel;
  options.on_progress = on_progress;
  MUSHER_TRY(options.upto, upto(log, at));
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    if (effective) tracker.note(row);
  };
  MUSHER_TRY(auto live, LiveDocument::start(log));
  MUSHER_CHECK(live.catch_up(log, options));
  return StoryList{tracker.list(live.document()), live.failures()};
}

Result<StoryReport> inspect_story(LogReader& log, const std::string& id, std::optional<RowId> at) {
  MUSHER_TRY(const RowId last, upto(log, at));
  return inspect_story(log, id, {.upto = last, .contents = Contents::all});
}

Result<StoryReport> inspect_story(LogReader& log, const std::string& id, const StoryRead& read) {
  MUSHER_CHECK(check_story_id(id));
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  MUSHER_TRY(Story story, load_story(log, trust, id, read));
  if (!story.was_inserted() && story.failures.empty()) return std::unexpected(no_such_story(log, id, read.upto));

  StoryReport report;
  report.story = view_of(id, story.items);
  report.live = story.is_live();
  if (!report.live) MUSHER_CHECK(restore_values(log, story, report.story));
  report.failures = std::move(story.failures);
  OpDescriber describer(log, trust);
  const OpId shown = story.items.empty() ? OpId{} : story.items.front().id;
  std::unordered_map<std::string_view, OpId> winners;
  for (const FieldState& field : report.story.fields) winners.emplace(field.name, field.winner);
  const auto won = [&](const std::string& field, const OpId& op) {
    const auto winner = winners.find(field);
    return winner != winners.end() && winner->second == op;
  };
  const HeardRow* removal = story.removal();
  for (HeardRow& heard : story.history) {
    MUSHER_CHECK(unless_cancelled(read, id));
    const bool removes = &heard == removal;
    MUSHER_TRY(auto view, describer.describe(std::move(heard)));
    const OpId& id_of_op = view.row.id;
    const Op& op = view.row.op.op;
    const bool of_shown = id_of_op == shown || op.target == shown;
    if (of_shown && op.kind == OpKind::insert) {
      OpRow insert = view.row;
      if (!insert.op.content) MUSHER_CHECK(restore_content(log, insert));
      for (const std::string& field : initial_fields(insert, report.story.fields)) {
        report.history[field].push_back({report.ops.size(), won(field, id_of_op)});
      }
    } else if (of_shown && op.kind == OpKind::set) {
      report.history[op.name].push_back({report.ops.size(), won(op.name, id_of_op)});
    }
    if (view.effective && (op.kind == OpKind::insert || op.kind == OpKind::set)) {
      report.story.updated_ms = op.time_ms;
      report.story.updated_by = op.author;
    }
    if (removes) report.removal = view;
    report.ops.push_back(std::move(view));
  }
  return report;
}

Result<OpListing> inspect_ops(LogReader& log, std::optional<RowId> at, Signatures signatures,
                              const std::function<bool(OpView&&)>& sink) {
  OpListing listing;
  ScanOptions options;
  options.signatures = signatures;
  MUSHER_TRY(options.upto, upto(log, at));
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  OpDescriber describer(log, trust);
  Result<void> status;
  MUSHER_CHECK(checked_scan(log, options, [&](CheckedRow&& checked) {
    ++listing.ops;
    if (auto failure = failure_of(checked)) {
      listing.failures.push_back(*failure);
      if (!failure->op) return true;
    }
    auto view = describer.describe(std::get<OpRow>(std::move(checked.row)),
                                   checked.signature_checked && !checked.reject ? Verified::now : Verified::no);
    if (!view) {
      status = std::unexpected(std::move(view).error());
      return false;
    }
    if (checked.reject) hide_content(*view);
    return sink(*std::move(view));
  }));
  MUSHER_CHECK(status);
  return listing;
}

Result<OpReport> inspect_op(LogReader& log, const std::string& prefix, std::optional<RowId> at) {
  MUSHER_TRY(const OpId id, find_op(log, prefix));
  MUSHER_TRY(auto found, log.find(id));
  MUSHER_TRY(const RowId last, upto(log, at));
  if (!found || std::visit([](const auto& row) { return row.row; }, *found) > last) {
    return fail(Errc::not_found, "op " + prefix + " is not in " + log.info().path + " at that point", "leave out --at");
  }
  const Verifier verifier(log.info().document);
  CheckedRow checked = check_row(verifier, *std::move(found), Signatures::check);
  auto failure = failure_of(checked);
  if (failure && !failure->op) {
    return fail(Errc::damaged, "the row of op " + prefix + " is malformed: " + failure->detail,
                verify_hint(log.info().path));
  }
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  OpDescriber describer(log, trust);
  MUSHER_TRY(auto view,
             describer.describe(std::get<OpRow>(std::move(checked.row)), failure ? Verified::no : Verified::now));
  if (failure) hide_content(view);
  return OpReport{std::move(view), std::move(failure)};
}

Result<std::vector<AuthorView>> inspect_authors(LogReader& log, std::optional<RowId> at) {
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  std::map<AuthorId, AuthorView> authors;
  for (const AuthorRecord& record : trust.records()) {
    authors[record.author] = {
        record.author, record.name, trust.standing(record.author), record.eraser, record.revoked_from, 0, OpIndex{}};
  }
  MUSHER_TRY(const RowId last, upto(log, at));
  MUSHER_CHECK(log.scan(RowId{0}, last, [&](ScannedRow&& row) {
    if (const auto* op = std::get_if<OpRow>(&row)) {
      AuthorView& author = authors[op->op.op.author];
      author.author = op->op.op.author;
      ++author.ops;
      author.last_index = std::max(author.last_index, op->op.op.index);
    }
    return true;
  }));
  std::vector<AuthorView> views;
  for (auto& [id, view] : authors) views.push_back(std::move(view));
  std::ranges::stable_sort(views, {}, &AuthorView::name);
  return views;
}

Result<std::vector<QuarantinedOp>> inspect_quarantine(LogReader& log) {
  MUSHER_TRY(auto kept, log.quarantine());
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  for (QuarantinedOp& each : kept) {
    const auto op = parse_canonical_bytes(each.canonical);
    if (!op || !is_waiting(each.reason)) continue;
    MUSHER_TRY(each.reason, why_it_waits(log, trust, *op, each.content.has_value()));
  }
  return kept;
}

Result<std::vector<OpView>> inspect_heads(LogReader& log, std::optional<RowId> at) {
  std::vector<OpId> ids;
  if (!at) {
    MUSHER_TRY(ids, head_ids(log));
  } else {
    std::set<OpId> heads;
    MUSHER_CHECK(log.scan(RowId{0}, *at, [&](ScannedRow&& row) {
      if (const auto* op = std::get_if<OpRow>(&row)) {
        for (const OpId& dependency : dependencies(op->op.op)) heads.erase(dependency);
        heads.insert(op->id);
      }
      return true;
    }));
    ids.assign(heads.begin(), heads.end());
  }
  MUSHER_TRY(const auto trust, TrustPolicy::read(log));
  OpDescriber describer(log, trust);
  const Verifier verifier(log.info().document);
  std::vector<OpView> views;
  for (const OpId& id : ids) {
    MUSHER_TRY(auto found, log.find(id));
    if (!found || std::holds_alternative<MalformedRow>(*found)) {
      return fail(Errc::damaged, "a head of " + log.info().path + " has no row that can be read",
                  verify_hint(log.info().path));
    }
    CheckedRow checked = check_row(verifier, *std::move(found), Signatures::check);
    MUSHER_TRY(auto view, describer.describe(std::get<OpRow>(std::move(checked.row)),
                                             checked.reject ? Verified::no : Verified::now));
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace musher
