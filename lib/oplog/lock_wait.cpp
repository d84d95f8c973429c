#include "oplog/lock_wait.hpp"

#include <pthread.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>

namespace musher {
namespace {

/// Interrupts system calls of this thread from a deadline on, again and again, so that one made just after a signal is
/// interrupted too. SIGURG: ignored by default, so a stray one harms nobody.
class Interrupter {
 public:
  explicit Interrupter(SteadyTime deadline) {
    static std::once_flag once;
    std::call_once(once, [] {
      struct sigaction action {};
      action.sa_handler = [](int) {};
      sigaction(SIGURG, &action, nullptr);  // no SA_RESTART
    });
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &urgent, &former_mask_);

    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    armed_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (!armed_) return;
    const auto left =
        std::max(std::chrono::nanoseconds(1), std::chrono::nanoseconds(deadline - std::chrono::steady_clock::now()));
    itimerspec times{};
    times.it_value.tv_sec = left.count() / 1'000'000'000;
    times.it_value.tv_nsec = left.count() % 1'000'000'000;
    times.it_interval.tv_nsec = 10'000'000;
    timer_settime(timer_, 0, &times, nullptr);
  }
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;
  ~Interrupter() {
    const int error = errno;
    if (armed_) timer_delete(timer_);
    pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
    errno = error;
  }

  /// Without a timer (the process is out of them) a wait could last for ever.
  [[nodiscard]] bool armed() const { return armed_; }

 private:
  timer_t timer_{};
  sigset_t former_mask_{};
  bool armed_ = false;
};

}  // namespace

int lock_until(int descriptor, int operation, SteadyTime deadline) {
  if (flock(descriptor, operation | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK && errno != EINTR) return errno;
  if (std::chrono::steady_clock::now() >= deadline) return ETIMEDOUT;

  const Interrupter interrupter(deadline);
  if (!interrupter.armed()) return errno;
  while (flock(descriptor, operation) != 0) {
    if (errno != EINTR) return errno;
    if (std::chrono::steady_clock::now() >= deadline) return ETIMEDOUT;
  }
  return 0;
}

}  // namespace musher
