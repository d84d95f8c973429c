#pragma once
// SQL on a database file past all of musher's care: what a person with the sqlite3 shell can do to a log.

#include <filesystem>
#include <string>
#include <vector>

struct sqlite3;

namespace musher::testing {

class RawDatabase {
 public:
  /// Opens, and makes if need be.
  explicit RawDatabase(const std::filesystem::path& path);
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;
  ~RawDatabase();

  /// Runs statements; throws SQLite's message.
  void exec(const std::string& sql);
  /// What SQLite says against the statements; empty when they went through.
  [[nodiscard]] std::string refusal(const std::string& sql);
  /// The first column of each row as text.
  [[nodiscard]] std::vector<std::string> column(const std::string& sql);
  /// The first column of the first row; "" when there is none.
  [[nodiscard]] std::string value(const std::string& sql);
  /// EXPLAIN QUERY PLAN, a line a step.
  [[nodiscard]] std::string plan(const std::string& sql);
  /// Takes the triggers away, as somebody who knows what he is doing would: they are there again when this is closed.
  void drop_triggers();

 private:
  std::vector<std::string> dropped_triggers_;
  sqlite3* handle_ = nullptr;
};

}  // namespace musher::testing
