#include "support/episode_checks.hpp"

#include <bitset>
#include <catch2/catch.hpp>
#include <unordered_map>

#include "audit/verify_order.hpp"
#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "support/log_builder.hpp"

namespace musher::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostOps = 1'024;  // of an episode

}  // namespace

void check_it_has_what_it_acknowledged(const EpisodeRecord& episode, SimNode& crashed) {
  if (!episode.hostile.empty() || episode.restored == &crashed)
    return;  // hostile ones fill the quarantine, where some goes then
  std::set<OpId> waiting;
  for (const QuarantineEntry& entry : all_quarantined(crashed.log())) waiting.insert(op_id(entry.canonical));
  for (const auto& other : episode.world.nodes()) {
    if (!other->running()) continue;
    for (const sync::PeerStatus& peer : other->engine().status()) {
      if (peer.peer != crashed.author() || peer.state != "connected") continue;
      const RowId acknowledged{raw(other->engine().end_of_log().row) - peer.lag_ops.value()};
      for (const OpRow& row : all_rows(other->log())) {
        if (row.row > acknowledged) break;
        INFO(crashed.name() << " acknowledged row " << raw(row.row) << " of " << other->name());
        CHECK((must(crashed.log().facts(row.id)) || waiting.contains(row.id)));
        ++episode.exercised.acknowledged_to_peers;
      }
    }
  }
}

void check_documents(const EpisodeRecord& episode, SimNode& audited) {
  const Digest digest = episode.world.nodes().front()->state_digest();
  const auto heads = must(episode.world.nodes().front()->log().heads());
  for (const auto& each : episode.world.nodes()) {
    INFO(each->name());
    CHECK(each->state_digest() == digest);
    CHECK(must(each->log().heads()) == heads);
  }
  auto log = must(SqliteOpLog::open(audited.path(), OpenMode::read));
  AuditRequest request;
  request.threads = 1;
  const AuditReport report = must(verify_order(*log, request));
  for (const Finding& finding : report.findings) {
    const FindingKind& kind = kind_of(finding.code);
    // What valid ops can do, and are found out by.
    const bool known = finding.code == FindingCode::equivocation || finding.code == FindingCode::seq_regression;
    const bool by_intent = known && !episode.hostile.empty();
    INFO(audited.name() << ": " << kind.name);
    CHECK((kind.severity != Severity::error || by_intent));
  }
  episode.exercised.ops += *audited.log().count();
}

void check_purges(const EpisodeRecord& episode) {
  std::unordered_map<OpId, std::size_t, IdHash> number;
  std::vector<std::bitset<kMostOps>> ancestors;
  const std::vector<OpRow> rows = all_rows(episode.world.nodes().front()->log());
  REQUIRE(rows.size() <= kMostOps);
  auto live = must(LiveDocument::start(episode.world.nodes().front()->log()));
  CatchUpOptions on_this_thread;
  on_this_thread.threads = 1;
  must(live.catch_up(episode.world.nodes().front()->log(), on_this_thread));
  for (const OpRow& row : rows) {
    std::bitset<kMostOps> mine;
    for (const OpId& id : dependencies(row.op.op)) mine |= ancestors[number.at(id)];
    mine.set(ancestors.size());
    number.emplace(row.id, ancestors.size());
    ancestors.push_back(mine);
    if (episode.hostile.contains(to_hex(row.op.op.author.key))) ++episode.exercised.hostile_ops;
  }
  for (const OpRow& insert : rows) {
    if (insert.op.op.kind != OpKind::insert) continue;
    const auto item = live.document().item(insert.id);
    REQUIRE(item);
    for (const OpRow& purge : rows) {
      if (!purge.op.op.is_purge() || purge.op.op.name != insert.op.op.name) continue;
      const bool knew = ancestors[number.at(insert.id)].test(number.at(purge.id));
      CHECK((knew || !item->visible));
      if (!knew && purge.op.op.target != insert.id) ++episode.exercised.came_back;
      if (knew && item->visible) ++episode.exercised.brought_back;
    }
  }
}

void check_nothing_acknowledged_was_lost(const EpisodeRecord& episode) {
  for (const auto& [writer, op] : episode.acknowledged) {
    if (writer == episode.restored) continue;
    INFO(writer->name() << " wrote " << to_hex(op.hash));
    CHECK(must(episode.world.nodes().front()->log().facts(op)).has_value());
    ++episode.exercised.acknowledged;
  }
}

void check_nobody_honest_was_dropped(const EpisodeRecord& episode) {
  for (const auto& each : episode.world.nodes()) {
    for (const sync::Event& event : each->events) {
      const bool violation = event.detail.find("violation") != std::string::npos;
      if (!violation) continue;
      const bool deserved = episode.hostile.contains(event.peer) || event.peer == episode.replayer;
      INFO(each->name() << ": " << event.what << " " << event.peer << " " << event.address << ": " << event.detail);
      const bool honest = std::ranges::any_of(
          episode.world.nodes(), [&](const auto& other) { return to_hex(other->author().key) == event.peer; });
      CHECK((deserved || !honest));
      if (deserved) ++episode.exercised.violations;
    }
  }
}

void check_writes_go_on(const EpisodeRecord& episode) {
  for (const auto& each : episode.world.nodes()) {
    INFO(each->name());
    CHECK(episode.world.run_until([&] { return !each->is_held_by_a_claim(); }, 60s));
    CHECK(each->write([](Replica& replica) -> Result<void> {
      MUSHER_TRY(auto own, OwnWrite::begin(replica));
      return {};
    }));
  }
}

}  // namespace musher::testing
