#include "cli/environment.hpp"

#include <unistd.h>

#include <string_view>

namespace musher {

Environment Environment::of_process() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) result.variables_.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::optional<std::string> Environment::get(const std::string& name) const {
  auto value = get_even_empty(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

std::optional<std::string> Environment::get_even_empty(const std::string& name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end()) return std::nullopt;
  return found->second;
}

}  // namespace musher
