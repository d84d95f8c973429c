#pragma once
// The environment variables a command may look at: passed in, so that a test can say what they are.

#include <map>
#include <optional>
#include <string>

namespace musher {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {}
  /// A copy of this process's variables.
  [[nodiscard]] static Environment of_process();

  /// The value; nothing when the variable is not set or empty, which mean the same everywhere in musher.
  [[nodiscard]] std::optional<std::string> get(const std::string& name) const;
  /// As get, but an empty value is a value (MUSHER_PAGER="" turns the pager off).
  [[nodiscard]] std::optional<std::string> get_even_empty(const std::string& name) const;

 private:
  std::map<std::string, std::string> variables_;
};

}  // namespace musher
