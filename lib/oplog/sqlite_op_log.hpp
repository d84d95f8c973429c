#pragma once
// The op log in one SQLite file. design: docs/architecture.md "The file"; tables: man musher-oplog(5).

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "oplog/doorbell.hpp"
#include "oplog/live_slots.hpp"
#include "oplog/reads.hpp"

namespace musher {

// One object is used by one thread at a time, and a process that has one open does not fork. Several objects on one
// file, in one process or in many, are fine; open the log's own files by path only through this class, since closing
// any descriptor of a database drops the locks that this process holds on it.

/// Who may read and write a new log. Every companion file (-wal, -shm, .lock) follows the log's owner, group and mode.
struct CreateOptions {
  DocumentId document;
  std::optional<std::string> group{};        ///< group name: the log is made 0660 with this group; else 0600
  std::string created_by = "musher";         ///< program and version, for people
  std::optional<std::int64_t> created_ms{};  ///< by default the system's clock
};

enum class OpenMode : std::uint8_t {
  read,       ///< never changes the log's bytes; makes a private copy where SQLite's -shm cannot be made
  read_copy,  ///< always reads from a private copy
  write,      ///< may begin_write; also reads
};

class SqliteOpLog final : public Reads<OpLog> {
 public:
  /// Makes a log: file, lock file and schema. Killed at any instant it leaves nothing that looks like a log.
  /// @errors refused: something is at that path, or the -wal, -shm or -journal of another database beside it; the
  /// folder
  ///   does not let the group work; a network file system.  usage: no such group.  io.
  [[nodiscard]] static Result<std::unique_ptr<SqliteOpLog>> create(const std::filesystem::path& path,
                                                                   const CreateOptions& options);

  /// Whether create() would find the place fit, so that what goes with a log is not made without it. Makes nothing.
  /// @errors as create.
  [[nodiscard]] static Result<void> check_create(const std::filesystem::path& path, const CreateOptions& options);

  /// @errors not_a_log: missing, a directory, a pipe, empty, text, someone else's SQLite file, truncated header; says
  /// which.
  ///   newer_format.  refused: opened for writing, it has several hard links or is on a network file system; or a -wal
  ///   of another database is beside it.  io: permissions; says whose.  busy: it must be copied, and a writer held the
  ///   lock for all of `patience`.  damaged: cut off, or SQLite cannot read it.
  /// @param copy_of  what LogInfo and messages name instead, when `path` is a copy that nobody knows of: absolute.
  [[nodiscard]] static Result<std::unique_ptr<SqliteOpLog>> open(
      const std::filesystem::path& path, OpenMode mode, std::chrono::milliseconds patience = std::chrono::seconds(10),
      const std::optional<std::string>& copy_of = {});

  ~SqliteOpLog() override;  ///< a writer closes its connection under the lock

  [[nodiscard]] Result<std::unique_ptr<WriteTransaction>> begin_write(std::chrono::milliseconds timeout) override;
  /// Of what is written here from now on.
  void limit_quarantine(const QuarantineLimits& limits);

  [[nodiscard]] Result<std::vector<LiveServer>> live_servers() override;
  [[nodiscard]] Result<std::vector<LiveAnswer>> wait_for_servers(RowId row,
                                                                 std::chrono::milliseconds patience) override;

  /// For a server: its slot among the live ones, a bell that rings when others append, a number that changes when
  /// another connection has committed (PRAGMA data_version), and whether the file is still what its path names.
  [[nodiscard]] Result<LiveSlot> take_live_slot();
  /// For a server that asks the others without waiting: RowConfirmation.
  [[nodiscard]] Result<LiveSlots> live_slots();
  [[nodiscard]] Result<Doorbell> watch();
  [[nodiscard]] Result<std::int64_t> data_version();
  /// @errors refused: it was renamed, replaced or deleted, or has got a second name.
  [[nodiscard]] Result<void> check_in_place();

  /// For the audit: `PRAGMA integrity_check` (at most 100 lines, "ok" left out), and the schema as stored against the
  /// schema this version makes. `stop` is asked every few milliseconds: incomplete when it says so.
  [[nodiscard]] Result<std::vector<std::string>> integrity_problems(std::function<bool()> stop = {});
  struct SchemaDifference {
    std::string object;  ///< "trigger crdt_ops_no_delete"
    bool is_trigger = false;
    std::string what;  ///< "missing", "altered", "not part of format 1"
  };
  [[nodiscard]] Result<std::vector<SchemaDifference>> schema_differences();
  /// A row of a table that holds no ops, which no musher wrote.
  struct TableProblem {
    std::string table;
    std::string what;  ///< a clause whose subject is the table
  };
  [[nodiscard]] Result<std::vector<TableProblem>> table_problems();
  /// What `reads` reads from this object is the log as it stood at one instant. Keep it short: WAL checkpoints wait for
  /// it.
  [[nodiscard]] Result<void> at_one_instant(const std::function<Result<void>()>& reads);
  /// Bytes of the database and of its -wal.
  struct FileSizes {
    std::uint64_t database = 0;
    std::uint64_t wal = 0;
  };
  [[nodiscard]] Result<FileSizes> file_sizes();

  /// After an erase: brings everything from the -wal into the database and empties it, so that no erased byte is left
  /// in either file. Waits for readers; what one held back the next writer finishes.
  struct WalEmptied {
    bool done = false;
    std::vector<std::int64_t> readers;  ///< PIDs that held it back; empty when the system does not tell
  };
  [[nodiscard]] Result<WalEmptied> empty_wal(std::chrono::milliseconds wait);

 private:
  explicit SqliteOpLog(std::unique_ptr<OpenLog> log);
  std::unique_ptr<OpenLog> log_;
};

}  // namespace musher
