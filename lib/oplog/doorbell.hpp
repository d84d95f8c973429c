#pragma once
// Hearing that another process has appended: inotify on `<log>.lock`, which every writer rewrites after its COMMIT. An
// event on the -wal itself would come before the commit can be seen.

#include <string>

#include "crypto/descriptor.hpp"
#include "model/result.hpp"

namespace musher {

class Doorbell {
 public:
  /// `log`: the resolved path. The lock file need not be there yet: hear() looks again.
  /// @errors io: the system gives no inotify descriptor (its limit is reached). The caller polls then.
  [[nodiscard]] static Result<Doorbell> watch(const std::string& log);

  /// Readable when it has rung: for poll or an event loop.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

  /// Takes what has rung; true when something has. Watches the lock file anew where it was replaced.
  bool hear();

 private:
  Doorbell(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  void watch_lock_file();

  Descriptor descriptor_;
  std::string path_;
  int watch_ = -1;
};

}  // namespace musher
