#include "crypto/sodium.hpp"

#include <sodium.h>

#include <new>
#include <stdexcept>

namespace musher {

void start_sodium() {
  static const int started = sodium_init();
  if (started < 0) throw std::runtime_error("libsodium cannot start: this system has no source of random bytes");
}

SecretBytes::SecretBytes(std::size_t size) : data_(nullptr), size_(size) {
  start_sodium();
  data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
  if (data_ == nullptr) throw std::bad_alloc();
}

SecretBytes::~SecretBytes() { sodium_free(data_); }

}  // namespace musher
