#pragma once
// Base64 (RFC 4648), strict: alphabet, padding and the unused bits must be right.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace musher::mcp {

enum class Base64 { standard_padded, url_unpadded };

[[nodiscard]] std::string to_base64(std::span<const std::uint8_t> bytes, Base64 form);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text, Base64 form);

/// A header value as the modern era sends it: "=?base64?...?=" stands for what is in it, anything else for itself.
/// Nothing when what is in it is not Base64.
[[nodiscard]] std::optional<std::string> decoded_header_value(std::string_view value);

}  // namespace musher::mcp
