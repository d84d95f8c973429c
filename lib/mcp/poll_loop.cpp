#include "mcp/poll_loop.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mcp/stdio_transport.hpp"

namespace musher::mcp {
namespace {

constexpr std::size_t kMostQueued = 64 << 20;   // a reader that is so far behind is gone
constexpr std::size_t kEnoughQueued = 1 << 20;  // no more questions are read until it has caught up

/// What is to be written. A pipe that poll() calls writable takes 4 KiB without blocking; the descriptor's flags, which
/// other processes share, stay as they are.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  bool add(std::string_view line) {
    if (gone_ || queued() > kMostQueued) gone_ = true;
    if (!gone_) text_ += line;
    return !gone_;
  }
  void write_some() {
    constexpr std::size_t kAtOnce = 4096;
    const ssize_t written = ::write(descriptor_, text_.data() + done_, std::min(kAtOnce, queued()));
    if (written < 0 && errno != EINTR && errno != EAGAIN) gone_ = true;
    if (written > 0) done_ += static_cast<std::size_t>(written);
    if (done_ == text_.size() || done_ > kEnoughQueued) {
      text_.erase(0, done_);
      done_ = 0;
    }
  }
  void lose() { gone_ = true; }
  [[nodiscard]] std::size_t queued() const { return text_.size() - done_; }
  [[nodiscard]] bool gone() const { return gone_; }

 private:
  int descriptor_;
  std::string text_;
  std::size_t done_ = 0;
  bool gone_ = false;
};

}  // namespace

PollLoop::PollLoop() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
PollLoop::~PollLoop() {
  if (wake_ >= 0) ::close(wake_);
}

Scheduler::TimerId PollLoop::after(Clock::duration delay, std::function<void()> function) {
  const TimerId id{next_timer_++};
  timers_.emplace(std::pair(now() + delay, id), std::move(function));
  return id;
}

void PollLoop::cancel(TimerId timer) {
  std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
}

void PollLoop::run_due() {
  const auto time = now();
  while (!timers_.empty() && timers_.begin()->first.first <= time) {
    const auto function = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    function();
  }
}

int PollLoop::until_next() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void PollLoop::stop() {
  stopped_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

Result<void> PollLoop::serve(Server& server, http::Principal principal, int in, int out) {
  if (wake_ < 0) return fail(Errc::io, "serving on stdin and stdout: no eventfd can be made");
  Output output(out);
  StdioTransport transport(server, std::move(principal), [&](std::string_view line) { return output.add(line); });
  std::array<char, 65536> buffer{};
  while (!stopped_ && !transport.ended() && !output.gone()) {
    const bool read_on = output.queued() < kEnoughQueued;
    std::array<pollfd, 3> watched{{{wake_, POLLIN, 0},
                                   {read_on ? in : -1, POLLIN, 0},
                                   {out, static_cast<short>(output.queued() > 0 ? POLLOUT : 0), 0}}};
    if (::poll(watched.data(), watched.size(), until_next()) < 0 && errno != EINTR)
      return fail(Errc::io, fmt::format("serving on stdin and stdout: poll: {}", std::strerror(errno)));
    run_due();
    if ((watched[2].revents & (POLLERR | POLLNVAL)) != 0) output.lose();  // its reader is gone
    if ((watched[2].revents & POLLOUT) != 0) output.write_some();
    if ((watched[1].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) continue;
    const ssize_t count = ::read(in, buffer.data(), buffer.size());
    if (count > 0)
      transport.feed({buffer.data(), static_cast<std::size_t>(count)});
    else if (count == 0 || (errno != EINTR && errno != EAGAIN))
      transport.end_of_input();
  }
  constexpr std::chrono::seconds kGrace{2};
  for (const auto end = now() + kGrace; output.queued() > 0 && !output.gone() && now() < end;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now());
    pollfd writable{out, POLLOUT, 0};
    if (::poll(&writable, 1, static_cast<int>(left.count())) <= 0) continue;
    if ((writable.revents & (POLLERR | POLLNVAL)) != 0) break;
    output.write_some();
  }
  return {};
}

}  // namespace musher::mcp
