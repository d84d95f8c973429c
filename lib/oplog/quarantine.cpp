#include "oplog/quarantine.hpp"

#include <sqlite3.h>

#include "crypto/hashing.hpp"
#include "oplog/op_log.hpp"
#include "oplog/peers.hpp"

namespace musher {

void Quarantine::add(const QuarantinedOp& op) {
  const OpId id = op_id(op.canonical);
  {
    sql::Query known(connection_, "SELECT 1 FROM quarantine WHERE op_id = ? AND reason = ?", sql::Blob(id.hash),
                     std::string_view(op.reason));
    if (known.step()) return;
  }
  const auto content = op.content ? std::optional<std::string_view>(*op.content) : std::nullopt;
  const auto salt = op.content ? std::optional<sql::Blob>(op.salt.bytes) : std::nullopt;
  const std::size_t bytes = op.canonical.size() + (op.content ? op.content->size() : 0);
  sql::Query(connection_,
             "INSERT INTO quarantine (op_id, reason, source, received_ms, canonical, signature, content, salt, bytes) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
             sql::Blob(id.hash), std::string_view(op.reason), std::string_view(op.source), op.received_ms,
             sql::Blob(op.canonical), sql::Blob(op.signature.bytes), content, salt, sql::to_column(bytes))
      .run();
  last_added_ = sqlite3_last_insert_rowid(connection_.handle());
  grow(bytes);
  make_room();
}

void Quarantine::remove(std::int64_t id) {
  sql::Query(connection_, "DELETE FROM quarantine WHERE id = ?", id).run();
  size_.reset();
}

void Quarantine::remove(const OpId& op) {
  sql::Query(connection_, "DELETE FROM quarantine WHERE op_id = ?", sql::Blob(op.hash)).run();
  size_.reset();
}

void Quarantine::make_room() {
  while (size_->rows > kMaxQuarantine || size_->bytes > kMaxQuarantineBytes) {
    std::string crowded;
    {
      sql::Query most(
          connection_,
          "SELECT source FROM quarantine GROUP BY source ORDER BY sum(bytes) + 1024 * count(*) DESC, source "
          "LIMIT 1");
      if (!most.step()) return;
      crowded = most.text(0);
    }
    sql::Query oldest(connection_, "SELECT id, bytes FROM quarantine WHERE source = ? ORDER BY id LIMIT 1",
                      std::string_view(crowded));
    if (!oldest.step()) return;
    const auto bytes = static_cast<std::uint64_t>(oldest.integer(1));
    sql::Query(connection_, "DELETE FROM quarantine WHERE id = ?", oldest.integer(0)).run();
    forget_mark_of(connection_, crowded);
    size_ = Size{size_->rows - 1, size_->bytes - bytes};
  }
}

/// Counted once a transaction, then kept.
void Quarantine::grow(std::uint64_t bytes) {
  if (size_) {
    size_ = Size{size_->rows + 1, size_->bytes + bytes};
    return;
  }
  sql::Query totals(connection_, "SELECT count(*), coalesce(sum(bytes), 0) FROM quarantine");
  if (totals.step())
    size_ = Size{static_cast<std::uint64_t>(totals.integer(0)), static_cast<std::uint64_t>(totals.integer(1))};
}

}  // namespace musher
