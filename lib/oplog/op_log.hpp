#pragma once
// The store of one node's ops. Nothing above this module assumes a file: SqliteOpLog is the embedded default.

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/verify.hpp"
#include "model/validity.hpp"
#include "oplog/live_server.hpp"
#include "oplog/rows.hpp"

namespace musher {

/// Reads. Rows are never changed or reordered, so reading in several short transactions is reading one log; pass the
/// last_row() you started from to leave later appends out. All functions: @errors io, busy, damaged (SQLite says the
/// file is corrupt), incomplete.
class LogReader {
 public:
  virtual ~LogReader() = default;

  [[nodiscard]] virtual const LogInfo& info() const = 0;
  /// The last row; RowId{0} when there is none.
  [[nodiscard]] virtual Result<RowId> last_row() = 0;
  /// The highest row number that was ever given out: above last_row() when rows were deleted from the end. Nothing
  /// before the first row.
  [[nodiscard]] virtual Result<std::optional<RowId>> highest_row_ever() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> count() = 0;

  /// Rows after `after` up to and including `upto`, in rowid order, each passed to `sink` once; false from it stops the
  /// scan. Memory is bounded (batches of at most 1,000 rows and 4 MiB). No transaction is open while `sink` runs.
  using Sink = std::function<bool(ScannedRow&&)>;
  [[nodiscard]] virtual Result<void> scan(RowId after, RowId upto, const Sink& sink) = 0;
  /// These rows, in the order asked for; a row that is not there is left out.
  [[nodiscard]] virtual Result<std::vector<ScannedRow>> rows(std::span<const RowId> wanted) = 0;

  [[nodiscard]] virtual Result<std::optional<ScannedRow>> find(const OpId& id) = 0;
  /// Op ids that start with these hex digits, ascending, at most `limit`.
  [[nodiscard]] virtual Result<std::vector<OpId>> find_prefix(std::string_view hex, std::size_t limit) = 0;
  /// Every op that concerns a story, in rowid order up to and including `upto`: its inserts; the sets, deletes and
  /// erases of those items; purges that name it; erases of any of those ops. Cost: the story's ops, not the log's.
  /// StoryPart::presence: only what decides whether it is there, its inserts, deletes and purges; what a write needs.
  /// All without content and salt, whether they have any or not: a story may be inserted a thousand times with 1 MiB.
  /// Passed to `sink` as scan() does, with its bound on memory.
  [[nodiscard]] virtual Result<void> scan_story(std::string_view story, RowId upto, StoryPart part,
                                                const Sink& sink) = 0;
  /// The story ids of all inserts, each once, ascending. For suggestions.
  [[nodiscard]] virtual Result<std::vector<std::string>> story_ids() = 0;
  /// What the validity rules need of an op in the log; nothing when it is not there.
  [[nodiscard]] virtual Result<std::optional<DependencyFacts>> facts(const OpId& id) = 0;
  /// What an op depends on, for walks through the DAG; nothing when it is not there.
  [[nodiscard]] virtual Result<std::optional<OpLinks>> links(const OpId& id) = 0;
  /// Highest seq of a set of this field of this item; 0 when nobody set it.
  [[nodiscard]] virtual Result<Seq> register_seq(const OpId& item, std::string_view field) = 0;
  /// The last row that belongs to the log as it was at an instant: the one before the first with received_ms > at_ms.
  [[nodiscard]] virtual Result<RowId> row_at(std::int64_t at_ms) = 0;
  /// How many ops this author has at this index (more than one: equivocation), and their ids.
  [[nodiscard]] virtual Result<std::vector<OpId>> ops_at(const AuthorId& author, OpIndex index) = 0;
  /// Whether that is more than one. Cost: two of them, however many there are.
  [[nodiscard]] virtual Result<bool> has_several_at(const AuthorId& author, OpIndex index) = 0;
  /// The author's highest index; 0 when it has no op.
  [[nodiscard]] virtual Result<OpIndex> last_index(const AuthorId& author) = 0;
  /// The lowest index of this author's ops behind a row; nothing when there is none. Cost: the rows behind it.
  [[nodiscard]] virtual Result<std::optional<OpIndex>> lowest_index_since(const AuthorId& author, RowId row) = 0;
  /// The lowest index below `below` at which this author has more than one op; nothing when there is none.
  [[nodiscard]] virtual Result<std::optional<OpIndex>> first_branch(const AuthorId& author, OpIndex below) = 0;
  /// What `op` descends from by prev, the nearest first, as far as its index is at least `lowest`.
  [[nodiscard]] virtual Result<std::vector<OpId>> prev_ancestors(const OpId& op, OpIndex lowest) = 0;

  /// Rows of this author's ops with an index above `after` up to `upto`, on whatever branch, by index.
  [[nodiscard]] virtual Result<std::vector<RowId>> author_rows(const AuthorId& author, OpIndex after, OpIndex upto) = 0;
  /// The chain digest at a row, from the mark before it; chain_start at row 0. Nothing when that row is not there.
  [[nodiscard]] virtual Result<std::optional<Digest>> chain_at(RowId row) = 0;

  /// Derived tables as stored, each sorted.
  [[nodiscard]] virtual Result<std::vector<Head>> heads() = 0;
  [[nodiscard]] virtual Result<std::vector<Tip>> tips() = 0;
  [[nodiscard]] virtual Result<std::vector<Tip>> tips_of(const AuthorId& author) = 0;
  [[nodiscard]] virtual Result<std::vector<Mark>> marks() = 0;
  /// The newest mark; row 0, chain_start and zeros in a log without ops.
  [[nodiscard]] virtual Result<Mark> last_mark() = 0;

  [[nodiscard]] virtual Result<std::vector<AuthorRecord>> authors() = 0;
  [[nodiscard]] virtual Result<std::vector<TrustChange>> trust_changes() = 0;
  [[nodiscard]] virtual Result<std::vector<QuarantinedOp>> quarantine() = 0;
  /// The same without contents and signatures, in the order they came, each passed to `sink` once; false from it stops
  /// the scan. A transaction is open while `sink` runs.
  using QuarantineSink = std::function<bool(const QuarantineEntry&)>;
  [[nodiscard]] virtual Result<void> scan_quarantine(const QuarantineSink& sink) = 0;
  /// Those that hold this op, one for each reason.
  [[nodiscard]] virtual Result<std::vector<QuarantineEntry>> quarantine_entries_of(const OpId& id) = 0;
  /// One of them whole, if it is there.
  [[nodiscard]] virtual Result<std::optional<QuarantinedOp>> quarantined(std::int64_t id) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> quarantine_count() = 0;
  /// Whether an op waits there, for whatever reason.
  [[nodiscard]] virtual Result<bool> in_quarantine(const OpId& id) = 0;

  /// The nodes this one has synced with, by key.
  [[nodiscard]] virtual Result<std::vector<PeerRecord>> peers() = 0;
};

/// The one way to write: holds the write lock from begin_write to commit or destruction (which rolls back), sees what
/// every other writer committed, and nobody else can write meanwhile. Do not prompt, print or wait inside.
class WriteTransaction : public LogReader {
 public:
  /// Appends an op whose dependencies are all in the log and valid (the replica checks), and keeps heads, tips and
  /// marks. An erase whose author may erase its target (`erases_now`) drops the target's content, checkpoints at or
  /// after it and quarantined copies of it.
  /// @errors internal: the op id is there already, or a dependency is not.
  [[nodiscard]] virtual Result<RowId> append(const VerifiedOp& op, Depth depth, std::string_view source,
                                             std::int64_t received_ms, bool erases_now) = 0;
  /// Replaces or adds the record and notes the change.
  [[nodiscard]] virtual Result<void> set_author(const TrustChange& change) = 0;
  /// Makes heads, tips and marks again from all rows, for a caller who has seen that they are wrong.
  /// @errors damaged: a row cannot be read, or came in past musher and is not what its author signed.
  [[nodiscard]] virtual Result<void> rebuild_derived() = 0;
  /// Keeps an op aside; the same op for the same reason changes nothing, nor for another one for which it waits with
  /// its content. Over its QuarantineLimits the oldest of the source that holds most goes, so that a flood displaces
  /// only itself.
  /// @return the ops that it gave up for that.
  virtual Result<std::vector<OpId>> quarantine_add(const QuarantinedOp& op) = 0;
  [[nodiscard]] virtual Result<void> quarantine_remove(std::int64_t id) = 0;
  /// Cost: one pass over an index of the quarantine if another connection has written since the last transaction.
  [[nodiscard]] virtual Result<QuarantineExtent> quarantine_extent() = 0;
  /// A full quarantine gave up ops in this transaction: `heard` of every peer was forgotten with them, since any of
  /// them may have sent those.
  [[nodiscard]] virtual bool gave_up() const = 0;
  /// Replaces or adds the record.
  [[nodiscard]] virtual Result<void> set_peer(const PeerRecord& peer) = 0;

  /// Makes it durable (fsync), rings the doorbell and gives the lock back. An I/O error may come after the data is
  /// safe: then the log is read back and the truth returned.
  /// @errors io: it is known that nothing was written.  incomplete: unknown; what says which op id to look for.
  ///   refused: the file was renamed or deleted under us; nothing was written.
  [[nodiscard]] virtual Result<void> commit() = 0;
};

class OpLog : public LogReader {
 public:
  /// @errors busy: another process held the lock for all of `timeout`; names its PID.  refused: opened for reading,
  /// renamed
  ///   or deleted since it was opened, or has several hard links.
  [[nodiscard]] virtual Result<std::unique_ptr<WriteTransaction>> begin_write(std::chrono::milliseconds timeout) = 0;

  /// The servers that hold this log in memory now.
  /// @errors refused, io: what says so cannot be read.
  [[nodiscard]] virtual Result<std::vector<LiveServer>> live_servers() = 0;
  /// Waits until each of them has applied `row`, or `patience` ends. One that ends meanwhile is left out: it has no
  /// memory any more.
  [[nodiscard]] virtual Result<std::vector<LiveAnswer>> wait_for_servers(RowId row,
                                                                         std::chrono::milliseconds patience) = 0;
};

}  // namespace musher
