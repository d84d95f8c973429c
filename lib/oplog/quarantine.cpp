#include "oplog/quarantine.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "crypto/hashing.hpp"
#include "oplog/op_log.hpp"
#include "oplog/peers.hpp"

namespace musher {
namespace {

constexpr std::uint64_t kRowWeight = 1'024;
/// Reasons for which an op waits with its content, if it has any.
constexpr std::array<std::string_view, 3> kWaitsWhole = {"dependency_missing", "author_unknown", "author_revoked"};

}  // namespace

void Quarantine::begin(std::int64_t data_version, std::optional<KeptHoldings> kept) {
  data_version_ = data_version;
  if (kept && kept->data_version == data_version_) holdings_ = std::move(kept->holdings);
}

std::optional<KeptHoldings> Quarantine::keep(bool committed) {
  if (!holdings_ || (changed_ && !committed)) return std::nullopt;
  return KeptHoldings{data_version_, *std::move(holdings_)};
}

std::vector<OpId> Quarantine::add(const QuarantinedOp& op) {
  const OpId id = op_id(op.canonical);
  {
    // Of one that waits, whatever it waits for, one copy with all of it is enough.
    auto alike = kWaitsWhole;
    if (std::ranges::find(alike, op.reason) == alike.end()) alike.fill(op.reason);
    sql::Query known(connection_, "SELECT 1 FROM quarantine WHERE op_id = ? AND reason IN (?, ?, ?)",
                     sql::Blob(id.hash), alike[0], alike[1], alike[2]);
    if (known.step()) return {};
  }
  const auto content = op.content ? std::optional<std::string_view>(*op.content) : std::nullopt;
  const auto salt = op.content ? std::optional<sql::Blob>(op.salt.bytes) : std::nullopt;
  const std::size_t bytes = op.canonical.size() + (op.content ? op.content->size() : 0);
  holdings().gain(op.source, bytes);
  sql::Query(connection_,
             "INSERT INTO quarantine (op_id, reason, source, received_ms, canonical, signature, content, salt, bytes) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
             sql::Blob(id.hash), std::string_view(op.reason), std::string_view(op.source), op.received_ms,
             sql::Blob(op.canonical), sql::Blob(op.signature.bytes), content, salt, sql::to_column(bytes))
      .run();
  changed_ = true;
  last_added_ = sqlite3_last_insert_rowid(connection_.handle());
  return make_room();
}

void Quarantine::remove(std::int64_t id) {
  sql::Query gone(connection_, "DELETE FROM quarantine WHERE id = ? RETURNING source, bytes", id);
  took_out(gone);
}

void Quarantine::remove(const OpId& op) {
  sql::Query gone(connection_, "DELETE FROM quarantine WHERE op_id = ? RETURNING source, bytes", sql::Blob(op.hash));
  took_out(gone);
}

void Quarantine::took_out(sql::Query& rows) {
  while (rows.step()) {
    changed_ = true;
    if (holdings_) holdings_->lose(std::string(rows.text(0)), static_cast<std::uint64_t>(rows.integer(1)));
  }
}

void QuarantineHoldings::gain(const std::string& source, std::uint64_t size) {
  ++rows;
  bytes += size;
  weights[source] += size + kRowWeight;
}

void QuarantineHoldings::lose(const std::string& source, std::uint64_t size) {
  --rows;
  bytes -= size;
  weights[source] -= size + kRowWeight;
}

QuarantineExtent Quarantine::extent() {
  sql::Query query(connection_,
                   "SELECT coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'quarantine'), 0), "
                   "coalesce((SELECT op_id FROM quarantine ORDER BY id DESC LIMIT 1), zeroblob(32))");
  QuarantineExtent extent;
  if (!query.step()) return extent;
  extent.last = query.integer(0);
  // A row that is no op's is one all the same.
  if (!sql::read_bytes(query.blob(1), extent.newest.hash)) extent.newest.hash.fill(0xff);
  extent.rows = holdings().rows;
  return extent;
}

/// One pass over an index.
QuarantineHoldings& Quarantine::holdings() {
  if (holdings_) return *holdings_;
  holdings_.emplace();
  sql::Query all(connection_, "SELECT source, sum(bytes), count(*) FROM quarantine GROUP BY source");
  while (all.step()) {
    const auto bytes = static_cast<std::uint64_t>(all.integer(1)), rows = static_cast<std::uint64_t>(all.integer(2));
    holdings_->rows += rows;
    holdings_->bytes += bytes;
    holdings_->weights.emplace(all.text(0), bytes + rows * kRowWeight);
  }
  return *holdings_;
}

std::vector<OpId> Quarantine::make_room() {
  std::vector<OpId> gone;
  bool made_room = false;
  while (holdings_->rows > limits_.ops || holdings_->bytes > limits_.bytes) {
    const std::string source =
        std::ranges::max_element(holdings_->weights, {}, [](const auto& each) { return each.second; })->first;
    sql::Query oldest(connection_, "SELECT id, bytes, op_id FROM quarantine WHERE source = ? ORDER BY id LIMIT 1",
                      std::string_view(source));
    if (!oldest.step()) break;
    if (OpId id; sql::read_bytes(oldest.blob(2), id.hash)) gone.push_back(id);
    const auto bytes = static_cast<std::uint64_t>(oldest.integer(1));
    sql::Query(connection_, "DELETE FROM quarantine WHERE id = ?", oldest.integer(0)).run();
    holdings_->lose(source, bytes);
    made_room = true;
  }
  if (made_room && !std::exchange(gave_up_, true)) forget_marks(connection_);
  return gone;
}

}  // namespace musher
