#include "oplog/peers.hpp"

#include <fmt/format.h>

namespace musher {
namespace {

template <std::size_t N>
void fill(const sql::Query& row, int column, std::array<std::uint8_t, N>& out, const char* name) {
  if (!sql::read_bytes(row.blob(column), out)) {
    sql::raise(Errc::damaged, fmt::format("the table peers has a malformed {}", name));
  }
}

std::optional<std::int64_t> row_of(const std::optional<LogMark>& mark) {
  return mark ? std::optional(raw(mark->row)) : std::nullopt;
}
std::optional<sql::Blob> chain_of(const std::optional<LogMark>& mark) {
  return mark ? std::optional<sql::Blob>(mark->chain.bytes) : std::nullopt;
}

}  // namespace

std::vector<PeerRecord> read_peers(sql::Connection& connection) {
  std::vector<PeerRecord> peers;
  sql::Query query(connection,
                   "SELECT peer, log, heard_row, heard_chain, acknowledged, state, since_ms, address, last_error, "
                   "sent_bytes, received_bytes FROM peers ORDER BY peer");
  while (query.step()) {
    PeerRecord& peer = peers.emplace_back();
    fill(query, 0, peer.peer.key, "peer");
    fill(query, 1, peer.log.bytes, "log");
    if (!query.is_null(2)) {
      peer.heard.emplace().row = RowId{query.integer(2)};
      fill(query, 3, peer.heard->chain.bytes, "heard_chain");
    }
    peer.acknowledged = RowId{query.integer(4)};
    peer.state = query.text(5);
    peer.since_ms = query.integer(6);
    peer.address = query.text(7);
    peer.last_error = query.text(8);
    peer.sent_bytes = static_cast<std::uint64_t>(query.integer(9));
    peer.received_bytes = static_cast<std::uint64_t>(query.integer(10));
    // Keys come in order, each once: pages that point to one another could give the same ones for ever.
    if (peers.size() > 1 && !(peers[peers.size() - 2].peer < peer.peer)) {
      sql::raise(Errc::damaged, "the table peers has keys that are out of order");
    }
  }
  return peers;
}

void write_peer(sql::Connection& connection, const PeerRecord& peer) {
  sql::Query(connection,
             "INSERT INTO peers (peer, log, heard_row, heard_chain, acknowledged, state, since_ms, address, "
             "last_error, sent_bytes, received_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON "
             "CONFLICT (peer) DO "
             "UPDATE SET log = excluded.log, "
             "heard_row = CASE WHEN NOT ?12 THEN excluded.heard_row WHEN peers.log <> excluded.log THEN NULL "
             "WHEN peers.heard_row IS ?13 AND peers.heard_chain IS ?14 THEN excluded.heard_row "
             "ELSE peers.heard_row END, "
             "heard_chain = CASE WHEN NOT ?12 THEN excluded.heard_chain WHEN peers.log <> excluded.log THEN NULL "
             "WHEN peers.heard_row IS ?13 AND peers.heard_chain IS ?14 THEN excluded.heard_chain "
             "ELSE peers.heard_chain END, "
             "acknowledged = excluded.acknowledged, state = excluded.state, since_ms = excluded.since_ms, "
             "address = excluded.address, last_error = excluded.last_error, sent_bytes = excluded.sent_bytes, "
             "received_bytes = excluded.received_bytes",
             sql::Blob(peer.peer.key), sql::Blob(peer.log.bytes), row_of(peer.heard), chain_of(peer.heard),
             raw(peer.acknowledged), std::string_view(peer.state), peer.since_ms, std::string_view(peer.address),
             std::string_view(peer.last_error), sql::to_column(peer.sent_bytes), sql::to_column(peer.received_bytes),
             static_cast<std::int64_t>(peer.heard_goes_on), row_of(peer.heard_before), chain_of(peer.heard_before))
      .run();
}

void forget_marks(sql::Connection& connection) {
  sql::Query(connection, "UPDATE peers SET heard_row = NULL, heard_chain = NULL WHERE heard_row IS NOT NULL").run();
}

}  // namespace musher
