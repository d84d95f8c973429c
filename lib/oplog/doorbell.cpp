#include "oplog/doorbell.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "oplog/lock_file.hpp"

namespace musher {

Result<Doorbell> Doorbell::watch(const std::string& log) {
  Descriptor descriptor(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!descriptor.valid()) {
    return fail(Errc::io, fmt::format("cannot watch {}: {}", lock_path(log), std::strerror(errno)),
                "sysctl fs.inotify.max_user_instances");
  }
  Doorbell bell(std::move(descriptor), lock_path(log));
  bell.watch_lock_file();
  return bell;
}

void Doorbell::watch_lock_file() {
  watch_ = inotify_add_watch(descriptor_.get(), path_.c_str(), IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF);
}

bool Doorbell::hear() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool rang = false;
  bool gone = watch_ < 0;
  ssize_t size = 0;
  while ((size = read(descriptor_.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      rang = rang || (event.mask & (IN_MODIFY | IN_Q_OVERFLOW)) != 0;
      gone = gone || (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  if (gone) {
    if (watch_ >= 0) inotify_rm_watch(descriptor_.get(), watch_);
    watch_lock_file();
    rang = rang || watch_ >= 0;
  }
  return rang;
}

}  // namespace musher
