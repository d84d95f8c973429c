#pragma once
// What the live servers of a log say to a write. Nobody waits: they are looked at every few milliseconds, on the
// server's thread, so that one that does not answer holds up no other write.

#include <functional>
#include <vector>

#include "mcp/scheduler.hpp"
#include "server/live_log.hpp"

namespace musher {

class Confirmations {
 public:
  using Done = std::function<void(const std::vector<LiveAnswer>&)>;

  /// Both outlive it. patience: for a server to apply the row.
  Confirmations(LiveLog& live, mcp::Scheduler& scheduler,
                std::chrono::milliseconds patience = std::chrono::milliseconds(1'000))
      : live_(live), scheduler_(scheduler), patience_(patience) {}
  ~Confirmations();  ///< who waits is not called
  Confirmations(const Confirmations&) = delete;
  Confirmations& operator=(const Confirmations&) = delete;

  /// Calls `done` when every server has applied the row or time is up: at once when they have. Without answers when
  /// they cannot be asked.
  void ask(RowId row, Done done);

 private:
  struct Asked {
    RowConfirmation confirmation;
    Done done;
  };
  [[nodiscard]] bool answered(RowConfirmation& confirmation) const;
  void look();
  void look_later();

  // fixed after construction
  LiveLog& live_;
  mcp::Scheduler& scheduler_;
  std::chrono::milliseconds patience_;
  // changes with each write
  std::weak_ptr<const LiveSlots> slots_;  ///< open while somebody is asked: one for all writes
  std::vector<Asked> asked_;
  std::optional<mcp::Scheduler::TimerId> timer_;
};

}  // namespace musher
