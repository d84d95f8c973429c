#pragma once
// Whole reads and writes of a descriptor.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace musher {

/// Reads until the buffer is full or the file ends; nothing, with errno, when that fails.
[[nodiscard]] std::optional<std::size_t> read_up_to(int fd, std::span<std::uint8_t> buffer);

/// False with errno when not all of it could be written.
[[nodiscard]] bool write_all(int fd, std::span<const std::uint8_t> bytes);
[[nodiscard]] bool write_all(int fd, std::string_view text);

}  // namespace musher
