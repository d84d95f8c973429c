#pragma once
// One log that a server follows: its document in memory equals a fresh replay of the file at every quiet moment
// (invariant 5 of docs/architecture.md).

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oplog/sqlite_op_log.hpp"
#include "replica/inspect.hpp"
#include "replica/live_document.hpp"
#include "replica/story_view.hpp"
#include "server/author_branches.hpp"
#include "server/kept_stories.hpp"

namespace musher {

/// What one catch_up() brought.
struct LogChanges {
  std::uint64_t ops = 0;
  bool rebuilt = false;  ///< trust has changed: everything may be different
  bool trust_changed = false;
  bool reconnected = false;          ///< the file was written to in place: who has it open is to open it again
  bool more = false;                 ///< there may be rows behind the last one taken: memory is between two commits
  bool only_sets = true;             ///< the same stories are there, in the same order
  std::vector<std::string> stories;  ///< that those ops concern, each once, by id
  /// That those ops made, of each author and index the first; none of what the log had when it was opened.
  std::vector<Equivocation> equivocations;
  [[nodiscard]] bool any() const { return ops > 0 || rebuilt; }
  /// Or may have.
  [[nodiscard]] bool stories_came_or_went() const { return rebuilt || !only_sets; }
};

class LiveLog {
 public:
  static constexpr std::size_t kKnownSignatures = 65'536;  ///< some 9 MB

  struct Options {
    std::filesystem::path path;
    const std::atomic<bool>* cancel = nullptr;              ///< ends a long first catch_up
    std::function<void(std::uint64_t rows)> on_progress{};  ///< rows read since memory was built, or built again
    bool announce = true;                                   ///< take a live slot, so that writers wait for this server
  };

  /// Opens the log for reading and takes a slot among its live servers. Nothing is applied yet.
  /// @errors as SqliteOpLog::open.  refused: the log can only be read from a copy, which nobody appends to.
  [[nodiscard]] static Result<std::unique_ptr<LiveLog>> open(const Options& options);

  /// Applies what was appended since, in rowid order, and tells the live slot. Signatures are checked except in the
  /// first call, whose rows an audit in the background checks. When the log has turned bad (a row that cannot be
  /// applied, a file that was rolled back, renamed, replaced or deleted) it notes that in problem(), keeps what it has
  /// in memory, and follows no more.
  /// @param most_rows at once: one transaction may have brought thousands, and whoever asks something meanwhile waits
  LogChanges catch_up(std::uint64_t most_rows = std::numeric_limits<std::uint64_t>::max());

  /// Opens the log anew and builds memory again, after it had turned bad and was put right: on an error everything
  /// stays as it was. The doorbell is another one then.
  [[nodiscard]] Result<void> reopen();

  /// Whether somebody may have appended since the last catch_up, by asking SQLite: the net for writers that do not
  /// ring.
  [[nodiscard]] bool may_have_changed();

  /// Of the doorbell; -1 where there is none.
  [[nodiscard]] int doorbell() const { return bell_ ? bell_->descriptor() : -1; }
  /// Takes what the doorbell has rung.
  void hear() {
    if (bell_) bell_->hear();
  }

  /// Called with each row that is applied from now on, in rowid order; from the first one again when trust changes.
  void on_row(std::function<void(const OpRow&)> callback) { on_row_ = std::move(callback); }

  [[nodiscard]] ServerHealth health() const;
  /// Why it follows no more, or what else is wrong; empty when all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// For a server that takes no writes: what it says in its slot.
  void set_read_only();
  /// As LiveSlot's. True where there is no slot.
  [[nodiscard]] bool claim(std::string_view what) { return !slot_ || slot_->claim(what); }
  void give_back(std::string_view what) {
    if (slot_) slot_->give_back(what);
  }
  /// A background audit found this: the log is not to be written to.
  void mark_failed(std::string problem);

  [[nodiscard]] SqliteOpLog& log() { return *log_; }
  [[nodiscard]] const LiveDocument& live() const { return *live_; }
  [[nodiscard]] const Document& document() const { return live_->document(); }
  /// Of ops that were looked at since the start, came then, or are about to: what is known is not verified again.
  [[nodiscard]] std::shared_ptr<KnownSignatures> known_signatures() const { return known_signatures_; }
  [[nodiscard]] RowId applied() const { return live_->last_row(); }
  /// What memory has of the log: its ops and their heads, whatever has become of the file.
  [[nodiscard]] LogCard card() const;
  /// Ops in memory without effect: their author is not trusted here.
  [[nodiscard]] std::uint64_t muted() const { return muted_; }
  /// Who wrote them: the first of them, of a flood of keys.
  static constexpr std::size_t kMostMutedAuthors = 10'000;
  [[nodiscard]] const std::set<AuthorId>& muted_authors() const { return muted_authors_; }
  /// Ops in quarantine. Counted only when somebody has written to the file since the last time; what cannot be read now
  /// is as it was.
  [[nodiscard]] std::uint64_t quarantined();
  /// Every story with a visible item, in list order, as views show it.
  [[nodiscard]] const std::vector<StoryView>& stories();

 private:
  /// When the database file itself was written to: by a WAL checkpoint, or by somebody who is not SQLite.
  struct FileStamp {
    std::int64_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const FileStamp&) const = default;
  };

  LiveLog(std::unique_ptr<SqliteOpLog> log, LiveDocument live);
  [[nodiscard]] FileStamp stamp() const;
  [[nodiscard]] Result<void> check_file(LogChanges& changes);
  [[nodiscard]] Result<void> check_last_row(LogReader& log);
  [[nodiscard]] Result<void> look_anew(LogChanges& changes);
  [[nodiscard]] Result<void> apply_new(std::uint64_t most_rows, LogChanges& changes);
  void update_stories(const LogChanges& changes);
  void note(const OpRow& row, LogChanges& changes);
  /// What op came first, by the file. Nothing is told twice, so that an author with many branches costs little.
  struct Branching {
    AuthorId author;
    OpIndex index{};
    OpId prev;
    OpId id;
    RowId row{};
  };
  void look_at_branch(const Branching& row, LogChanges& changes);

  // fixed after opening
  std::unique_ptr<SqliteOpLog> log_;
  std::optional<Doorbell> bell_;
  std::optional<LiveSlot> slot_;
  Options options_;
  bool read_only_ = false;
  std::function<void(const OpRow&)> on_row_;
  // changes with each op
  std::unique_ptr<LiveDocument> live_;
  StoryTracker tracker_;
  std::set<OpId> heads_;
  AuthorBranches branches_;
  std::uint64_t muted_ = 0;
  std::set<AuthorId> muted_authors_;
  std::set<std::pair<AuthorId, OpIndex>> equivocations_told_;
  RowId newest_row_{};               ///< that ever was in memory
  std::uint64_t trust_changes_ = 0;  ///< as of the last catch-up that worked
  OpId last_id_;                     ///< of the last row applied, to see that the file still has it
  bool started_ = false;
  std::shared_ptr<KnownSignatures> known_signatures_ = std::make_shared<KnownSignatures>(kKnownSignatures);
  std::int64_t data_version_ = 0;
  FileStamp stamp_;  ///< of the file when it was last looked at from outside SQLite's cache
  std::optional<std::int64_t> quarantine_version_;  ///< data version of log_ when it was counted
  std::uint64_t quarantined_ = 0;
  std::size_t failures_seen_ = 0;
  std::string problem_;
  std::optional<KeptStories> stories_;  ///< until the next change
};

}  // namespace musher
