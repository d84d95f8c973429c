// bare_commit FILE: what musher-put is measured against: a process that opens SQLite and commits one row durably.
// Makes the table at the first run. WAL, synchronous=FULL, one row of 350 bytes.

#include <sqlite3.h>

#include <cstdio>
#include <string>

namespace {

bool run(sqlite3* db, const char* sql) {
  char* error = nullptr;
  if (sqlite3_exec(db, sql, nullptr, nullptr, &error) == SQLITE_OK) return true;
  std::fprintf(stderr, "bare_commit: %s\n", error);
  sqlite3_free(error);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  sqlite3* db = nullptr;
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  const std::string insert = "INSERT INTO ops(data) VALUES('" + std::string(350, 'x') + "')";
  const bool done = run(db, "PRAGMA journal_mode=WAL") && run(db, "PRAGMA synchronous=FULL") &&
                    run(db, "CREATE TABLE IF NOT EXISTS ops(id INTEGER PRIMARY KEY, data TEXT)") &&
                    run(db, "BEGIN IMMEDIATE") && run(db, insert.c_str()) && run(db, "COMMIT");
  sqlite3_close(db);
  return done ? 0 : 1;
}
