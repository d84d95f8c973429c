#pragma once
// Descriptors and whole reads, for the .cpp files of this module.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace musher {

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Reads until the buffer is full or the file ends; nothing, with errno, when that fails.
[[nodiscard]] std::optional<std::size_t> read_up_to(int fd, std::span<std::uint8_t> buffer);

}  // namespace musher
