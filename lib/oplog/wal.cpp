#include "oplog/wal.hpp"

#include <SQLiteCpp/Exception.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "crypto/descriptor.hpp"

namespace musher {
namespace {

constexpr int kLongWalFrames = 3'000;

}  // namespace

void shorten_wal(sql::Connection& connection) noexcept {
  if (connection.wal_frames() <= kLongWalFrames) return;
  const sql::BusyTimeout at_once(connection, std::chrono::milliseconds(0));
  if (sqlite3_wal_checkpoint_v2(connection.handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) == SQLITE_OK)
    return;
  sqlite3_wal_checkpoint_v2(connection.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

bool empty_wal(sql::Connection& connection, std::chrono::milliseconds timeout) {
  const sql::BusyTimeout patient(connection, timeout);
  const int code = sqlite3_wal_checkpoint_v2(connection.handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) throw SQLite::Exception(connection.handle(), code);
  return true;
}

bool sync_wal(const std::string& log) {
  const Descriptor wal(open((log + "-wal").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return wal.valid() && fsync(wal.get()) == 0;
}

}  // namespace musher
