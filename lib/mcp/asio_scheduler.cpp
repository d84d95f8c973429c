#include "mcp/asio_scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace musher::mcp {

struct AsioScheduler::Timer {
  boost::asio::steady_timer timer;
};

AsioScheduler::AsioScheduler(boost::asio::io_context& io) : io_(io), timers_(std::make_shared<Timers>()) {}
AsioScheduler::~AsioScheduler() = default;

Scheduler::TimerId AsioScheduler::after(Clock::duration delay, std::function<void()> function) {
  const TimerId id{next_++};
  auto& made = (*timers_)[id] = std::make_unique<Timer>(boost::asio::steady_timer(io_, delay));
  // A timer that was cancelled after it expired is called all the same: it is not in the map any more.
  made->timer.async_wait(
      [weak = std::weak_ptr(timers_), id, run = std::move(function)](const boost::system::error_code& error) {
        const auto timers = weak.lock();
        if (!error && timers != nullptr && timers->erase(id) != 0) run();
      });
  return id;
}

void AsioScheduler::cancel(TimerId timer) { timers_->erase(timer); }

}  // namespace musher::mcp
