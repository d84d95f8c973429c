#pragma once
// What must be true in an episode of the simulator, and of what there was in all of them.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/sync_world.hpp"

namespace musher::testing {

/// What happened in all episodes, so that a test sees that they exercise what they are for.
struct Exercised {
  std::uint64_t came_back = 0;       ///< inserts hidden by a purge that their writer did not know of
  std::uint64_t brought_back = 0;    ///< visible inserts of a purged story
  std::uint64_t restored = 0;        ///< nodes whose file went back
  std::uint64_t writes_refused = 0;  ///< of those, until their ops were back
  std::uint64_t crashes = 0;
  std::uint64_t power_cuts = 0;             ///< of those, with a disk that has not got all that was written
  std::uint64_t mid_write = 0;              ///< of those, in the middle of a transaction
  std::uint64_t disk_failures = 0;          ///< calls that the disk failed
  std::uint64_t acknowledged_to_peers = 0;  ///< ops that a crashed node had to have
  std::uint64_t acknowledged = 0;           ///< own writes whose ops had to be there in the end
  std::uint64_t erased = 0;
  std::uint64_t erased_of_others = 0;
  std::uint64_t revoked = 0;  ///< authors, by one node
  std::uint64_t muted = 0;    ///< ops that had to enter below a trusted one; each look counts
  std::uint64_t ops = 0;
  std::uint64_t replayed = 0;    ///< ops sent again by somebody else
  std::uint64_t violations = 0;  ///< for which a hostile node was dropped
  std::uint64_t hostile_ops = 0;
  std::uint64_t writes_held = 0;  ///< while somebody said that it has an op of the writer's
};

/// Of one episode, for what must be true of it.
struct EpisodeRecord {
  SyncWorld& world;
  Exercised& exercised;
  std::set<std::string> hostile{};                              ///< keys as hex
  std::string replayer{};                                       ///< the key of who says everything again; empty: nobody
  std::vector<std::pair<const SimNode*, OpId>> acknowledged{};  ///< own writes, each its last op
  const SimNode* restored = nullptr;                            ///< whose file went back
};

/// What a peer was told of is in the file of who told it. It has crashed, and its peers have not heard of it.
void check_it_has_what_it_acknowledged(const EpisodeRecord& episode, SimNode& crashed);

// In the end:
/// The same state digest and heads everywhere, and an audit without errors.
void check_documents(const EpisodeRecord& episode, SimNode& audited);
/// An item of a story that was purged is seen only if its writer knew of the purge.
void check_purges(const EpisodeRecord& episode);
void check_nothing_acknowledged_was_lost(const EpisodeRecord& episode);
void check_nobody_honest_was_dropped(const EpisodeRecord& episode);
void check_writes_go_on(const EpisodeRecord& episode);

}  // namespace musher::testing
