#pragma once
// An event loop over two descriptors for a server that speaks over stdio and nothing else.

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mcp/scheduler.hpp"
#include "mcp/server.hpp"
#include "model/result.hpp"

namespace musher::mcp {

/// A scheduler, and the loop it lives by. The program ignores SIGPIPE.
class PollLoop : public Scheduler {
 public:
  PollLoop();
  ~PollLoop() override;

  [[nodiscard]] Clock::time_point now() const override { return Clock::now(); }
  TimerId after(Clock::duration delay, std::function<void()> function) override;
  void cancel(TimerId timer) override;

  /// Serves one client on these descriptors until the input ends, the reader of the output is gone, or stop(). Answers
  /// that are written already are delivered, for at most two seconds. Errors (io): the descriptors cannot be used.
  Result<void> serve(Server& server, http::Principal principal, int in, int out);

  /// Ends serve(). From any thread, or a signal handler.
  void stop();

 private:
  void run_due();
  [[nodiscard]] int until_next() const;

  std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
  std::uint64_t next_timer_ = 1;
  std::atomic<bool> stopped_ = false;
  int wake_ = -1;  ///< an eventfd
};

}  // namespace musher::mcp
