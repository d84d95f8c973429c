#include "server/live_log.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace musher {

LiveLog::LiveLog(std::unique_ptr<SqliteOpLog> log, LiveDocument live)
    : log_(std::move(log)), live_(std::make_unique<LiveDocument>(std::move(live))) {}

Result<std::unique_ptr<LiveLog>> LiveLog::open(const Options& options) {
  MUSHER_TRY(auto log, SqliteOpLog::open(options.path, OpenMode::read));
  if (log->info().copied_ms) {
    return fail(Errc::refused,
                fmt::format("{} can only be read from a copy, which nobody appends to", log->info().path),
                "serve it as a user who may write to its folder, or replay and inspect it");
  }
  MUSHER_TRY(auto live, LiveDocument::start(*log));
  std::unique_ptr<LiveLog> opened(new LiveLog(std::move(log), std::move(live)));
  opened->options_ = options;
  // Without a bell it is the poll that finds what was appended.
  if (auto bell = opened->log_->watch()) opened->bell_.emplace(*std::move(bell));
  if (options.announce) {
    MUSHER_TRY(auto slot, opened->log_->take_live_slot());
    opened->slot_.emplace(std::move(slot));
  }
  return opened;
}

Result<void> LiveLog::reopen() {
  MUSHER_TRY(auto fresh, open(options_));
  fresh->read_only_ = read_only_;
  fresh->catch_up();
  if (!fresh->problem_.empty()) return fail(Errc::damaged, fresh->problem_, "");
  fresh->on_row_ = on_row_;
  std::swap(*this, *fresh);
  return {};
}

ServerHealth LiveLog::health() const {
  if (!problem_.empty()) return ServerHealth::failed;
  return read_only_ ? ServerHealth::read_only : ServerHealth::ok;
}

void LiveLog::set_read_only() {
  read_only_ = true;
  if (slot_) slot_->tell(applied(), health());
}

void LiveLog::mark_failed(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
  if (slot_) slot_->tell(applied(), health());
}

bool LiveLog::may_have_changed() {
  const auto version = log_->data_version();
  const bool changed = !version || *version != data_version_ || stamp() != stamp_ || !log_->check_in_place();
  if (version) data_version_ = *version;
  return changed;
}

LogChanges LiveLog::catch_up(std::uint64_t most_rows) {
  LogChanges changes;
  if (!problem_.empty()) return changes;
  auto done = check_file(changes);
  if (done) done = apply_new(most_rows, changes);
  if (!done && done.error().code == Errc::busy) data_version_ = -1;  // the poll asks again
  if (!done && done.error().code != Errc::busy) problem_ = done.error().what;
  if (changes.any()) update_stories(changes);
  if (slot_) slot_->tell(applied(), health());
  return changes;
}

Result<void> LiveLog::check_file(LogChanges& changes) {
  if (!log_->check_in_place()) {
    return fail(
        Errc::refused,
        fmt::format("{} is not the file that this server has open any more: it was renamed, replaced, deleted or "
                    "given a second name",
                    log_->info().path),
        "put it back, or send SIGHUP to follow what is there now");
  }
  MUSHER_CHECK(look_anew(changes));
  return check_last_row(*log_);
}

LiveLog::FileStamp LiveLog::stamp() const {
  struct stat status {};
  if (::stat(log_->info().path.c_str(), &status) != 0) return {};
  return {status.st_size, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

Result<void> LiveLog::look_anew(LogChanges& changes) {
  const FileStamp now = stamp();
  if (now == stamp_) return {};
  // Pages that SQLite has in its cache are not those of the file any more, if it was not a checkpoint that wrote them.
  if (started_) {
    auto fresh = SqliteOpLog::open(log_->info().path, OpenMode::read);
    const auto well = fresh ? check_last_row(**fresh) : std::unexpected(fresh.error());
    if (!well && (well.error().code == Errc::busy || well.error().code == Errc::io)) return {};  // another time
    MUSHER_CHECK(well);
    log_ = *std::move(fresh);
    quarantine_version_.reset();
    data_version_ = log_->data_version().value_or(0);
    changes.reconnected = true;
  }
  stamp_ = now;
  return {};
}

Result<void> LiveLog::check_last_row(LogReader& log) {
  if (applied() == RowId{0}) return {};
  const RowId last = applied();
  MUSHER_TRY(const auto rows, log.rows({&last, 1}));
  const OpRow* row = rows.empty() ? nullptr : std::get_if<OpRow>(&rows.front());
  if (row != nullptr && row->id == last_id_) return {};
  return fail(Errc::damaged,
              fmt::format("{} was rolled back: row {}, which this server has in memory, is {}", log_->info().path,
                          raw(last), rows.empty() ? "not there any more" : "another op now"),
              fmt::format("musher verify-order --log {}", log_->info().path));
}

Result<void> LiveLog::apply_new(std::uint64_t most_rows, LogChanges& changes) {
  const RowId before = applied();
  RowId noted = before;
  std::vector<Branching> branching;                                  // looked at when nobody reads the log
  bool begins_anew = before == RowId{0} && newest_row_ != RowId{0};  // an earlier catch-up began to, and failed
  CatchUpOptions options;
  options.most_rows = most_rows;
  options.signatures = started_ ? Signatures::check : Signatures::skip;
  options.threads = started_ ? 1 : 0;  // a few rows are checked sooner here than elsewhere
  options.cancel = started_ ? nullptr : options_.cancel;
  options.on_progress = options_.on_progress;
  options.known = started_ ? known_signatures_.get() : nullptr;
  options.on_applied = [&](const OpRow& row, Applied, bool effective) {
    if (std::exchange(begins_anew, false) || row.row <= noted) {  // from the first row again: trust has changed
      tracker_ = StoryTracker();
      heads_.clear();
      branches_ = AuthorBranches();
      failures_seen_ = 0;
      muted_ = 0;
      muted_authors_.clear();
      changes.ops = 0;
      changes.stories.clear();
      changes.rebuilt = true;
    }
    noted = row.row;
    last_id_ = row.id;
    if (effective) {
      tracker_.note(row);
    } else {
      ++muted_;
      if (muted_authors_.size() < kMostMutedAuthors) muted_authors_.insert(row.op.op.author);
    }
    for (const OpId& dependency : dependencies(row.op.op)) heads_.erase(dependency);
    heads_.insert(row.id);
    const Op& op = row.op.op;
    if (branches_.take(row) && started_ && row.row > newest_row_)
      branching.push_back({op.author, op.index, op.prev, row.id, row.row});
    newest_row_ = std::max(newest_row_, row.row);
    note(row, changes);
    if (on_row_) on_row_(row);
  };
  const std::uint64_t read = live_->counts().read;
  const auto caught_up = live_->catch_up(*log_, options);
  for (const Branching& row : branching) look_at_branch(row, changes);
  MUSHER_CHECK(caught_up);
  changes.trust_changed = live_->trust_changes() != std::exchange(trust_changes_, live_->trust_changes());
  started_ = true;
  changes.more = !changes.trust_changed && live_->counts().read - read == most_rows;
  std::ranges::sort(changes.stories);
  changes.stories.erase(std::ranges::unique(changes.stories).begin(), changes.stories.end());

  const auto& failures = live_->failures();
  if (failures.size() <= failures_seen_) return {};
  failures_seen_ = failures.size();
  const RowFailure& first = failures.front();
  return fail(Errc::damaged,
              fmt::format("row {} of {} cannot be applied ({})", raw(first.row), log_->info().path, first.reason),
              fmt::format("musher verify-order --log {}", log_->info().path));
}

void LiveLog::note(const OpRow& row, LogChanges& changes) {
  ++changes.ops;
  if (!started_) return;  // nobody listens yet
  const Op& op = row.op.op;
  changes.only_sets = changes.only_sets && op.kind == OpKind::set;
  if (op.kind == OpKind::insert || op.is_purge()) {
    changes.stories.push_back(op.name);
  } else if (op.kind != OpKind::erase) {
    if (auto story = live_->document().story_of(op.target)) changes.stories.push_back(*std::move(story));
  } else {
    changes.rebuilt = true;  // it may name any op; the pipeline is told as a whole
  }
}

void LiveLog::look_at_branch(const Branching& row, LogChanges& changes) {
  if (!equivocations_told_.emplace(row.author, row.index).second) return;
  const auto same_index = log_->ops_at(row.author, row.index);
  if (!same_index) return;  // an audit finds it too
  for (const OpId& other : *same_index) {
    const auto links = log_->links(other);
    if (!links || !*links || (*links)->row >= row.row) continue;
    const auto& dependencies = (*links)->dependencies;
    if (!row.prev.is_zero() && (dependencies.empty() || dependencies.front() != row.prev)) continue;
    changes.equivocations.push_back({row.author, row.index, other, row.id});
    return;
  }
}

LogCard LiveLog::card() const { return {log_->info(), live_->counts().applied, {heads_.begin(), heads_.end()}}; }

std::uint64_t LiveLog::quarantined() {
  const auto version = log_->data_version();
  if (!version || quarantine_version_ == *version) return quarantined_;
  if (const auto counted = log_->quarantine_count()) {
    quarantined_ = *counted;
    quarantine_version_ = *version;
  }
  return quarantined_;
}

/// The list is made anew where stories came or went; of a set only its story's view is.
void LiveLog::update_stories(const LogChanges& changes) {
  if (changes.stories_came_or_went()) stories_.reset();
  if (!stories_) return;
  for (const std::string& story : changes.stories) {
    if (stories_->has(story)) stories_->replace(tracker_.view(live_->document(), story));
  }
}

const std::vector<StoryView>& LiveLog::stories() {
  if (!stories_) stories_.emplace(tracker_.list(live_->document()));
  return stories_->all();
}

}  // namespace musher
