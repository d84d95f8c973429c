#include "support/sync_pair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

namespace musher::testing {

bool try_insert(SimNode& node, const std::string& story, int times) {
  return node.write([&](Replica& replica) -> Result<void> {
    MUSHER_TRY(auto own, OwnWrite::begin(replica));
    for (int i = 0; i < times; ++i) {
      MUSHER_CHECK(own.append({OpKind::insert, OpId{}, fmt::format("{}_{}", story, i), "{}", {}}));
    }
    return own.commit();
  });
}

void insert(SimNode& node, const std::string& story, int times) { REQUIRE(try_insert(node, story, times)); }

std::uint64_t count(SimNode& node) {
  const auto ops = node.log().count();
  REQUIRE(ops);
  return *ops;
}

std::uint64_t waiting(SimNode& node) {
  const auto ops = node.log().quarantine_count();
  REQUIRE(ops);
  return *ops;
}

std::optional<PeerRecord> record_of(SimNode& node, const AuthorId& peer) {
  const auto peers = node.log().peers();
  REQUIRE(peers);
  const auto found = std::ranges::find(*peers, peer, &PeerRecord::peer);
  return found == peers->end() ? std::nullopt : std::optional(*found);
}

void trust_each_other(SimNode& left, SimNode& right) {
  left.trust(right.author(), right.name());
  right.trust(left.author(), left.name());
}

std::shared_ptr<HostileLink> connect_with_mark(HostileNode& peer, SimNode& node, const LogMark& mark) {
  const auto link = peer.connect(node);
  link->send(sync::Tips{.round = 1, .upto = {}, .tips = {}, .last = true});
  link->send_ops({}, mark);
  const auto is_written = [&] {
    const auto record = record_of(node, peer.author());
    return record && record->heard == mark;
  };
  REQUIRE(peer.world().run_until(is_written, std::chrono::seconds(20)));
  return link;
}

}  // namespace musher::testing
