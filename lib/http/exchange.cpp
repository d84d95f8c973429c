#include "http/exchange.hpp"

#include <algorithm>

#include "http/header_text.hpp"

namespace musher::http {

const Request::Field* Request::find(std::string_view name) const {
  const std::string_view text = header_text_;
  const auto found = std::ranges::find_if(fields_, [&](const Field& field) {
    return field.name_size == name.size() && same_ignoring_case(text.substr(field.name_at, field.name_size), name);
  });
  return found == fields_.end() ? nullptr : &*found;
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  const Field* const field = find(name);
  if (field == nullptr) return std::nullopt;
  return std::string_view(header_text_).substr(field->value_at, field->value_size);
}

void Request::add_header(std::string_view name, std::string_view value) {
  value = trimmed(value);
  const auto append = [this](std::string_view text) {
    const auto at = static_cast<std::uint32_t>(header_text_.size());
    header_text_ += text;
    return at;
  };
  if (const Field* const known = find(name)) {
    Field& field = fields_[static_cast<std::size_t>(known - fields_.data())];
    const std::string joined = header_text_.substr(field.value_at, field.value_size) + ", " + std::string(value);
    field.value_at = append(joined);
    field.value_size = static_cast<std::uint32_t>(joined.size());
    return;
  }
  const std::uint32_t name_at = append(name);
  const std::uint32_t value_at = append(value);
  fields_.push_back(
      {name_at, static_cast<std::uint32_t>(name.size()), value_at, static_cast<std::uint32_t>(value.size())});
}

void Request::clear() {
  method.clear();
  path.clear();
  query.clear();
  body.clear();
  principal = {};
  peer.clear();
  header_text_.clear();
  fields_.clear();
}

void Request::drop_body() { std::string().swap(body); }  // an assignment would keep the memory

}  // namespace musher::http
