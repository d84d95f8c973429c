#include "cli/fd_stream.hpp"

#include <unistd.h>

#include <cerrno>

namespace musher {

FdBuffer::FdBuffer(int fd) : fd_(fd) { setp(held_.data(), held_.data() + held_.size()); }

FdBuffer::int_type FdBuffer::overflow(int_type next) {
  if (!write_out()) return traits_type::eof();
  if (!traits_type::eq_int_type(next, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(next);
    pbump(1);
  }
  return traits_type::not_eof(next);
}

int FdBuffer::sync() { return write_out() ? 0 : -1; }

bool FdBuffer::write_out() {
  const char* at = pbase();
  while (error_ == 0 && at < pptr()) {
    const ssize_t written = ::write(fd_, at, static_cast<std::size_t>(pptr() - at));
    if (written > 0) {
      at += written;
    } else if (written < 0 && errno != EINTR) {
      error_ = errno;
    }
  }
  setp(held_.data(), held_.data() + held_.size());
  return error_ == 0;
}

}  // namespace musher
