#pragma once
// Two nodes of a simulated world that trust each other, and what tests ask of their logs.

#include <optional>
#include <string>

#include "support/sync_attacks.hpp"

namespace musher::testing {

/// So many inserts, in one transaction. False: refused, or its disk failed.
bool try_insert(SimNode& node, const std::string& story, int times = 1);
void insert(SimNode& node, const std::string& story, int times = 1);
[[nodiscard]] std::uint64_t count(SimNode& node);
/// Ops in its quarantine.
[[nodiscard]] std::uint64_t waiting(SimNode& node);
[[nodiscard]] std::optional<PeerRecord> record_of(SimNode& node, const AuthorId& peer);
void trust_each_other(SimNode& left, SimNode& right);
/// The peer has nothing in its log, up to this mark; the node has written it down.
[[nodiscard]] std::shared_ptr<HostileLink> connect_with_mark(HostileNode& peer, SimNode& node, const LogMark& mark);

/// Two nodes that trust each other; a dials b.
struct Pair {
  explicit Pair(std::uint64_t seed) : world(seed), a(world.add("a")), b(world.add("b")) {
    trust_each_other(a, b);
    a.rendezvous = {"b"};
  }
  /// A third node, that b knows and a does not; it dials b.
  SimNode& add_behind_b() {
    SimNode& c = world.add("c");
    trust_each_other(b, c);
    c.rendezvous = {"b"};
    return c;
  }
  void start() {
    a.start();
    b.start();
  }
  bool are_equal(std::uint64_t ops, std::chrono::milliseconds most = std::chrono::seconds(20)) {
    return world.run_until([&] { return count(a) == ops && count(b) == ops; }, most);
  }
  SyncWorld world;
  SimNode& a;
  SimNode& b;
};

}  // namespace musher::testing
