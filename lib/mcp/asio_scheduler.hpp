#pragma once
// The scheduler of a server on an Asio io_context.

#include <map>
#include <memory>

#include "mcp/scheduler.hpp"

namespace boost::asio {
class io_context;
}

namespace musher::mcp {

/// Timers of an io_context that one thread runs, which must outlive it.
class AsioScheduler : public Scheduler {
 public:
  explicit AsioScheduler(boost::asio::io_context& io);
  ~AsioScheduler() override;  ///< cancels all

  [[nodiscard]] Clock::time_point now() const override { return Clock::now(); }
  TimerId after(Clock::duration delay, std::function<void()> function) override;
  void cancel(TimerId timer) override;

 private:
  struct Timer;
  boost::asio::io_context& io_;
  using Timers = std::map<TimerId, std::unique_ptr<Timer>>;
  std::shared_ptr<Timers> timers_;  ///< shared with those that are about to run
  std::uint64_t next_ = 1;
};

}  // namespace musher::mcp
