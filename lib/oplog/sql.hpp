#pragma once
// SQLite for the rest of lib/oplog: a connection, borrowed statements, and the one place where its failures become
// Errors. Inside the module a failure travels as an exception; guarded() stops it at each public function.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "model/result.hpp"

struct sqlite3;
struct sqlite3_stmt;
namespace SQLite {
class Database;
}

namespace musher::sql {

/// An Error on its way out, thrown where no Result is returned.
struct Failure {
  Error error;
};
/// Damage without a hint gets verify_hint of the log.
[[noreturn]] void raise(Errc code, std::string what, std::string hint = {});

/// How long SQLite itself waits for a lock that the lock file does not cover: recovery, or a program that is not
/// musher.
inline constexpr std::chrono::milliseconds kBusyTimeout{5'000};

/// One open connection, used by one thread at a time. Its -wal is checkpointed by nobody but wal.hpp and, when that was
/// asked for, its closing.
class Connection {
 public:
  enum class Access : std::uint8_t { read, write };

  /// Never creates a database. Throws what SQLite says.
  Connection(const std::string& path, Access access);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] sqlite3* handle() const;
  void exec(const char* sql);
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] bool read_only() const;
  /// The file is no longer what its path names.
  [[nodiscard]] bool file_has_moved() const;
  /// Another number when another connection has committed.
  [[nodiscard]] std::int64_t data_version();
  /// Frames in the -wal after this connection's last commit.
  [[nodiscard]] int wal_frames() const { return wal_frames_; }
  /// Ends a step of a statement that works without an answer for longer (a file can be made to have it go round for
  /// ever), and any work of SQLite's once `stop` says so. Errors: incomplete. Nothing: no limit.
  void limit_step(std::optional<std::chrono::milliseconds> longest);
  void stop_when(std::function<bool()> stop);

  /// Closing makes SQLite's closing WAL checkpoint. Only for a holder of the write lock.
  void checkpoint_on_close();

  /// The statement of this literal, prepared at its first use and kept.
  [[nodiscard]] sqlite3_stmt* borrow(const char* sql);
  void begin_step();

 private:
  void watch();
  [[nodiscard]] bool must_stop() const;

  std::unique_ptr<SQLite::Database> database_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  int wal_frames_ = 0;
  std::optional<std::chrono::milliseconds> longest_step_;
  std::chrono::steady_clock::time_point step_ends_;
  std::function<bool()> stop_;
};

/// For its lifetime SQLite waits this long, then as long as before.
class BusyTimeout {
 public:
  BusyTimeout(Connection& connection, std::chrono::milliseconds timeout);
  BusyTimeout(const BusyTimeout&) = delete;
  BusyTimeout& operator=(const BusyTimeout&) = delete;
  ~BusyTimeout();

 private:
  Connection& connection_;
};

using Blob = std::span<const std::uint8_t>;

/// A borrowed statement with its values bound: reset when it goes out of scope, so that no read transaction is left
/// open. The bound values must outlive it. One Query of one literal at a time.
class Query {
 public:
  template <class... Values>
  Query(Connection& connection, const char* sql, const Values&... values)
      : connection_(&connection), statement_(connection.borrow(sql)) {
    int position = 0;
    (bind(++position, values), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  /// Moves to the next row; false after the last.
  [[nodiscard]] bool step();
  void run() {
    while (step()) {
    }
  }
  [[nodiscard]] sqlite3_stmt* statement() const { return statement_; }

  // Of the current row; a blob or text lives until the next step.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] Blob blob(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  void bind(int position, std::int64_t value);
  void bind(int position, std::nullopt_t);
  void bind(int position, Blob value);
  void bind(int position, std::string_view value);
  template <class Value>
  void bind(int position, const std::optional<Value>& value) {
    if (value) {
      bind(position, *value);
    } else {
      bind(position, std::nullopt);
    }
  }

  Connection* connection_;
  sqlite3_stmt* statement_;
};

/// Fills id's bytes from a blob of exactly their length; false otherwise.
template <std::size_t N>
[[nodiscard]] bool read_bytes(Blob from, std::array<std::uint8_t, N>& to) {
  if (from.size() != N) return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

/// Nothing for all zeros: how ids that mean "none" are stored.
template <std::size_t N>
[[nodiscard]] std::optional<Blob> unless_zero(const std::array<std::uint8_t, N>& bytes) {
  if (bytes == std::array<std::uint8_t, N>{}) return std::nullopt;
  return Blob(bytes);
}

/// A u64 for an INTEGER column. Throws internal past 2^63-1: no valid op comes near.
[[nodiscard]] std::int64_t to_column(std::uint64_t number);

/// The exception in flight as an Error. act: "read", "write to".
[[nodiscard]] Error current_error(std::string_view act, const std::string& path);

/// Runs work; what it throws comes back as an Error.
template <class Work>
[[nodiscard]] auto guarded(std::string_view act, const std::string& path, Work&& work)
    -> Result<std::invoke_result_t<Work>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (...) {
    return std::unexpected(current_error(act, path));
  }
}

}  // namespace musher::sql
