#pragma once
// An output stream over a file descriptor that remembers why a write failed: a full disk and a closed pipe end a
// command differently, and std::cout cannot tell them apart.

#include <array>
#include <ostream>
#include <streambuf>

namespace musher {

/// Collects 64 KiB, then writes all of it; a short write or EINTR goes on. Does not own the descriptor.
/// After a failure nothing more is written.
class FdBuffer final : public std::streambuf {
 public:
  explicit FdBuffer(int fd);
  /// errno of the first write that failed; 0 when none did.
  [[nodiscard]] int error() const { return error_; }

 protected:
  int_type overflow(int_type next) override;
  int sync() override;

 private:
  bool write_out();
  int fd_;
  int error_ = 0;
  std::array<char, 64 * 1024> held_;
};

class FdStream final : public std::ostream {
 public:
  explicit FdStream(int fd) : std::ostream(nullptr), buffer_(fd) { rdbuf(&buffer_); }
  [[nodiscard]] int error() const { return buffer_.error(); }

 private:
  FdBuffer buffer_;
};

}  // namespace musher
