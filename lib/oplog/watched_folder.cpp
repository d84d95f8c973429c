#include "oplog/watched_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <mutex>

namespace musher {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::size_t kSlots = 8;

struct Slot {
  std::atomic<pid_t> owner = 0;  ///< set last; a child that was forked removes nothing of its parent's
  std::array<char, PATH_MAX> folder{};
};
static_assert(std::atomic<pid_t>::is_always_lock_free);

// A signal's handler is given nothing: what it removes has to be found from here.
std::array<Slot, kSlots> slots;
std::mutex slots_mutex;

// Of here to raise() only what POSIX calls async-signal-safe.

/// Somebody on another thread may make a file of it meanwhile.
void remove_folder(const char* folder) {
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return;
    for (const char* file : kCopyFiles) unlinkat(descriptor, file, 0);
    close(descriptor);
    if (rmdir(folder) == 0) return;
  }
}

void remove_and_end(int number) {
  for (const Slot& slot : slots) {
    if (slot.owner == getpid()) remove_folder(slot.folder.data());
  }
  signal(number, SIG_DFL);
  raise(number);  // comes once this has returned
}

bool is_handled_by(int number, void (*handler)(int)) {
  struct sigaction now {};
  return sigaction(number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == handler;
}

void replace_handler(void (*from)(int), void (*to)(int)) {
  for (const int number : kSignals) {
    if (is_handled_by(number, from)) signal(number, to);
  }
}

}  // namespace

HeldSignals::HeldSignals() noexcept {
  sigset_t held;
  sigemptyset(&held);
  for (const int number : kSignals) sigaddset(&held, number);
  pthread_sigmask(SIG_BLOCK, &held, &before_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

WatchedFolder::WatchedFolder(const std::string& folder) {
  const std::scoped_lock lock(slots_mutex);
  const auto free = std::ranges::find(slots, 0, [](const Slot& slot) { return slot.owner.load(); });
  if (free == slots.end() || folder.size() >= free->folder.size()) return;  // the next copy removes it
  *std::ranges::copy(folder, free->folder.begin()).out = '\0';
  free->owner = getpid();
  slot_ = static_cast<std::size_t>(free - slots.begin());
  replace_handler(SIG_DFL, remove_and_end);
}

void WatchedFolder::release() noexcept {
  if (slot_ == kNone) return;
  const std::scoped_lock lock(slots_mutex);
  slots[std::exchange(slot_, kNone)].owner = 0;
  if (std::ranges::all_of(slots, [](const Slot& slot) { return slot.owner == 0; }))
    replace_handler(remove_and_end, SIG_DFL);
}

}  // namespace musher
