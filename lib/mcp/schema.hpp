#pragma once
// A subset of JSON Schema 2020-12, enforced: type, properties, required, additionalProperties: false, enum, minimum,
// maximum, minLength, maxLength, items. Other keywords are for the client, and are not looked at here.

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "mcp/json_view.hpp"

namespace musher::mcp {

class Schema {
 public:
  /// Precondition: text is a JSON object; what it cannot read in it, it does not enforce.
  explicit Schema(std::string_view text);
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

  /// Why the value does not fit, naming what: "argument limit: 0 is less than 1"; empty when it fits. `what` is what a
  /// member is called, "argument"; `whole` the value itself, "the arguments".
  [[nodiscard]] std::string problem(JsonView value, std::string_view what, std::string_view whole) const;

  struct Node;

 private:
  std::unique_ptr<Node> root_;
};

}  // namespace musher::mcp
