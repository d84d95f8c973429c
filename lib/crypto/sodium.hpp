#pragma once
// libsodium's start and its guarded memory, for the .cpp files of this module.

#include <cstddef>
#include <cstdint>
#include <span>

namespace musher {

/// Starts libsodium; any number of times, from any thread. Throws std::runtime_error when there is no source of random
/// bytes.
void start_sodium();

/// Memory for a secret: between guard pages, locked, left out of core dumps, wiped when it ends.
class SecretBytes {
 public:
  explicit SecretBytes(std::size_t size);
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  [[nodiscard]] std::span<std::uint8_t> bytes() { return {data_, size_}; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {data_, size_}; }
  [[nodiscard]] char* text() { return reinterpret_cast<char*>(data_); }
  [[nodiscard]] std::uint8_t* data() { return data_; }
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace musher
