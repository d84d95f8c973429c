#include "oplog/quarantine.hpp"

#include <sqlite3.h>

#include <algorithm>

#include "crypto/hashing.hpp"
#include "oplog/op_log.hpp"
#include "oplog/peers.hpp"

namespace musher {
namespace {

constexpr std::uint64_t kRowWeight = 1'024;

}  // namespace

std::vector<OpId> Quarantine::add(const QuarantinedOp& op) {
  const OpId id = op_id(op.canonical);
  {
    sql::Query known(connection_, "SELECT 1 FROM quarantine WHERE op_id = ? AND reason = ?", sql::Blob(id.hash),
                     std::string_view(op.reason));
    if (known.step()) return {};
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
  grow(op.source, bytes);
  return make_room();
}

void Quarantine::remove(std::int64_t id) {
  sql::Query(connection_, "DELETE FROM quarantine WHERE id = ?", id).run();
  forget_sizes();
}

void Quarantine::remove(const OpId& op) {
  sql::Query(connection_, "DELETE FROM quarantine WHERE op_id = ?", sql::Blob(op.hash)).run();
  forget_sizes();
}

void Quarantine::forget_sizes() {
  size_.reset();
  weights_.reset();
}

/// The source that holds most; of several the first by name.
const std::string& Quarantine::crowded() {
  if (!weights_) {
    weights_.emplace();
    sql::Query all(connection_, "SELECT source, sum(bytes), count(*) FROM quarantine GROUP BY source");
    while (all.step())
      weights_->emplace(all.text(0), static_cast<std::uint64_t>(all.integer(1)) +
                                         static_cast<std::uint64_t>(all.integer(2)) * kRowWeight);
  }
  return std::ranges::max_element(*weights_, {}, [](const auto& source) { return source.second; })->first;
}

std::vector<OpId> Quarantine::make_room() {
  std::vector<OpId> gone;
  while (size_->rows > limits_.ops || size_->bytes > limits_.bytes) {
    const std::string source = crowded();
    sql::Query oldest(connection_, "SELECT id, bytes, op_id FROM quarantine WHERE source = ? ORDER BY id LIMIT 1",
                      std::string_view(source));
    if (!oldest.step()) break;
    if (OpId id; sql::read_bytes(oldest.blob(2), id.hash)) gone.push_back(id);
    const auto bytes = static_cast<std::uint64_t>(oldest.integer(1));
    sql::Query(connection_, "DELETE FROM quarantine WHERE id = ?", oldest.integer(0)).run();
    forget_mark_of(connection_, source);
    size_ = Size{size_->rows - 1, size_->bytes - bytes};
    weights_->at(source) -= bytes + kRowWeight;
  }
  return gone;
}

void Quarantine::grow(const std::string& source, std::uint64_t bytes) {
  if (weights_) (*weights_)[source] += bytes + kRowWeight;
  if (size_) {
    size_ = Size{size_->rows + 1, size_->bytes + bytes};
    return;
  }
  sql::Query totals(connection_, "SELECT count(*), coalesce(sum(bytes), 0) FROM quarantine");
  if (totals.step())
    size_ = Size{static_cast<std::uint64_t>(totals.integer(0)), static_cast<std::uint64_t>(totals.integer(1))};
}

}  // namespace musher
