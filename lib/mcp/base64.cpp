#include "mcp/base64.hpp"

#include <sodium.h>

namespace musher::mcp {
namespace {

int variant(Base64 form) {
  return form == Base64::standard_padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
}

}  // namespace

std::string to_base64(std::span<const std::uint8_t> bytes, Base64 form) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant(form)), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant(form));
  text.pop_back();  // its terminator
  return text;
}

std::optional<std::string> from_base64(std::string_view text, Base64 form) {
  std::string data(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  const int failed = sodium_base642bin(reinterpret_cast<std::uint8_t*>(data.data()), data.size(), text.data(),
                                       text.size(), nullptr, &size, &end, variant(form));
  if (failed != 0 || end != text.data() + text.size()) return std::nullopt;
  data.resize(size);
  return data;
}

std::optional<std::string> decoded_header_value(std::string_view value) {
  constexpr std::string_view kStart = "=?base64?";
  constexpr std::string_view kEnd = "?=";
  if (value.size() < kStart.size() + kEnd.size() || !value.starts_with(kStart) || !value.ends_with(kEnd))
    return std::string(value);
  return from_base64(value.substr(kStart.size(), value.size() - kStart.size() - kEnd.size()), Base64::standard_padded);
}

}  // namespace musher::mcp
