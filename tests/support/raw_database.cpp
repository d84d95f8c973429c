#include "support/raw_database.hpp"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace musher::testing {
namespace {

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Statement prepare(sqlite3* handle, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(handle) + (": " + sql));
  }
  return {statement, &sqlite3_finalize};
}

std::vector<std::string> read_column(sqlite3* handle, const std::string& sql, int column) {
  const Statement statement = prepare(handle, sql);
  std::vector<std::string> values;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    const auto* text = static_cast<const char*>(sqlite3_column_blob(statement.get(), column));
    values.emplace_back(text == nullptr ? "" : text,
                        static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), column)));
  }
  if (code != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(handle) + (": " + sql));
  return values;
}

}  // namespace

RawDatabase::RawDatabase(const std::filesystem::path& path) {
  if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    throw std::runtime_error(message);
  }
  sqlite3_busy_timeout(handle_, 10'000);
}

RawDatabase::~RawDatabase() {
  for (const std::string& trigger : dropped_triggers_) static_cast<void>(refusal(trigger));
  sqlite3_close(handle_);
}

void RawDatabase::exec(const std::string& sql) {
  const std::string message = refusal(sql);
  if (!message.empty()) throw std::runtime_error(message + ": " + sql);
}

std::string RawDatabase::refusal(const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return "";
  const std::string text = message == nullptr ? "failed" : message;
  sqlite3_free(message);
  return text;
}

std::vector<std::string> RawDatabase::column(const std::string& sql) { return read_column(handle_, sql, 0); }

std::string RawDatabase::value(const std::string& sql) {
  const auto values = column(sql);
  return values.empty() ? "" : values.front();
}

std::string RawDatabase::plan(const std::string& sql) {
  std::string lines;
  for (const std::string& line : read_column(handle_, "EXPLAIN QUERY PLAN " + sql, 3)) lines += line + "\n";
  return lines;
}

void RawDatabase::drop_triggers() {
  dropped_triggers_ = column("SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
  for (const std::string& name : column("SELECT name FROM sqlite_schema WHERE type = 'trigger'"))
    exec("DROP TRIGGER " + name);
}

}  // namespace musher::testing
