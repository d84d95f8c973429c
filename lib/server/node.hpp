#pragma once
// What the tools, resources and prompts of a server work with. All of it belongs to the server's thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/point_in_time.hpp"
#include "replica/host.hpp"
#include "server/confirmations.hpp"
#include "server/live_log.hpp"
#include "server/workers.hpp"
#include "server/writer.hpp"
#include "sync/engine.hpp"

namespace musher {

/// What the last audit of the whole log came to, for the resource musher://findings and /metrics.
struct LastAudit {
  std::int64_t finished_ms = 0;
  std::string verdict;
  std::string document;  ///< the JSON of musher verify-order, on one line
  std::size_t errors = 0;
  std::string first_error{};  ///< "code: what it says"; empty: there is none
  std::string bad_row{};      ///< a row that is not what its author signed; empty: there is none
};

/// The audits of the whole log, the server's own and those of clients.
struct Audits {
  std::uint64_t begun = 0;
  /// The last that counts: up to here what an audit found is old, or about a file that was served before.
  std::uint64_t noted = 0;
  CancelFlag own{};  ///< of the last one in the background
  /// Each that waits or runs holds it too.
  std::shared_ptr<const char> held = std::make_shared<const char>();
  [[nodiscard]] bool any() const { return held.use_count() > 1; }
};

struct Node {
  LiveLog& live;
  Writer* writer = nullptr;                ///< null: this server takes no writes
  Confirmations* confirmations = nullptr;  ///< there is one where there is a writer
  Workers& workers;                        ///< for what takes long: audits and replays
  Workers& readers;                        ///< for pages of the file: nobody waits for an audit there
  Host host;
  std::string author;  ///< the own key as hex; empty without one
  bool allow_unconfirmed_purge = false;

  /// The text of an `at` argument: as --at of the commands.
  std::function<Result<PointInTime>(std::string_view text)> parse_point{};
  /// Runs a function on the server's thread, soon; from any thread. What it gets may be let go unrun at the end.
  std::function<void(std::function<void()>)> post{};
  /// Applies what was appended and tells who subscribed: to be called after an own write, before it is answered.
  std::function<void()> follow{};
  /// For the log: who wrote what, from where.
  std::function<void(const std::string& tool, const std::string& what, const std::string& principal,
                     const std::string& peer)>
      wrote{};
  /// The nodes it syncs with, and is to sync with.
  std::function<std::vector<sync::PeerStatus>()> peers = [] { return std::vector<sync::PeerStatus>(); };
  /// Ops of this node's own key are not in this log: local writes are refused. Says so, for people.
  std::function<std::optional<std::string>()> own_op_elsewhere = [] { return std::optional<std::string>(); };
  /// Why nobody may write with this node's key now: that, or another node says so and has not shown the op.
  std::function<std::optional<std::string>()> why_no_write = [] { return std::optional<std::string>(); };
  Audits audits{};
  std::optional<LastAudit> last_audit{};
  std::function<void()> audited{};  ///< last_audit is another one
};

}  // namespace musher
