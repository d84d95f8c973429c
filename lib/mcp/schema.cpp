#include "mcp/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher::mcp {

using Kind = JsonView::Kind;

struct Schema::Node {
  std::vector<std::string> types;  ///< empty: any
  std::vector<std::pair<std::string, Node>> properties;
  std::vector<std::string> required;
  bool closed = false;              ///< additionalProperties: false
  std::vector<std::string> values;  ///< enum, as JSON text; empty: any
  std::optional<double> minimum, maximum;
  std::optional<std::int64_t> min_length, max_length;
  std::vector<Node> items;  ///< none, or one that all items fit
};

namespace {

Schema::Node compile(JsonView schema) {
  Schema::Node node;
  const JsonView type = schema["type"];
  if (const auto one = type.string()) node.types.emplace_back(*one);
  for (const JsonView item : type.items()) {
    if (const auto one = item.string()) node.types.emplace_back(*one);
  }
  for (const auto& [name, property] : schema["properties"].members())
    node.properties.emplace_back(name, compile(property));
  for (const JsonView item : schema["required"].items()) {
    if (const auto name = item.string()) node.required.emplace_back(*name);
  }
  node.closed = schema["additionalProperties"].boolean() == false;
  for (const JsonView item : schema["enum"].items()) node.values.push_back(item.text());
  node.minimum = schema["minimum"].number();
  node.maximum = schema["maximum"].number();
  node.min_length = schema["minLength"].integer();
  node.max_length = schema["maxLength"].integer();
  if (const JsonView items = schema["items"]; items.is_object()) node.items.push_back(compile(items));
  return node;
}

bool has_type(JsonView value, std::string_view type) {
  switch (value.kind()) {
    case Kind::null: return type == "null";
    case Kind::boolean: return type == "boolean";
    case Kind::integer: return type == "integer" || type == "number";
    case Kind::number: return type == "number" || (type == "integer" && value.integer().has_value());
    case Kind::string: return type == "string";
    case Kind::array: return type == "array";
    case Kind::object: return type == "object";
    case Kind::absent: break;
  }
  return false;
}

constexpr std::size_t kShownBytes = 60;

std::string shortened(JsonView value) { return shortened_text(value.text(), kShownBytes); }

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

/// A length in characters, as JSON Schema counts.
std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
}

class Check {
 public:
  Check(std::string_view what, std::string_view whole) : what_(what), whole_(whole) {}

  // path names the value in messages.
  std::string operator()(const Schema::Node& node, JsonView value, const std::string& path) const {
    const auto fits = [&](const std::string& type) { return has_type(value, type); };
    if (!node.types.empty() && std::ranges::none_of(node.types, fits))
      return fmt::format("{}: {} is not of type {}", path, shortened(value), joined(node.types, " or "));
    if (!node.values.empty() && std::ranges::find(node.values, value.text()) == node.values.end())
      return fmt::format("{}: {} is not one of {}", path, shortened(value), joined(node.values, ", "));
    if (const auto number = value.number()) {
      if (node.minimum && *number < *node.minimum)
        return fmt::format("{}: {} is less than {}", path, shortened(value), *node.minimum);
      if (node.maximum && *number > *node.maximum)
        return fmt::format("{}: {} is more than {}", path, shortened(value), *node.maximum);
    }
    if (const auto text = value.string(); text && (node.min_length || node.max_length)) {
      const std::int64_t length = characters(*text);
      if (node.min_length && length < *node.min_length)
        return fmt::format("{}: it has {} characters, fewer than {}", path, length, *node.min_length);
      if (node.max_length && length > *node.max_length)
        return fmt::format("{}: it has {} characters, more than {}", path, length, *node.max_length);
    }
    if (value.is_object()) return members(node, value, path);
    if (value.is_array() && !node.items.empty()) return items(node.items.front(), value, path);
    return {};
  }

 private:
  std::string member_path(std::string_view name, const std::string& path) const {
    return path == whole_ ? fmt::format("{} {}", what_, name) : fmt::format("{}.{}", path, name);
  }

  std::string members(const Schema::Node& node, JsonView value, const std::string& path) const {
    for (const std::string& name : node.required) {
      if (!value[name].exists()) return fmt::format("{} is missing", member_path(name, path));
    }
    std::vector<bool> seen(node.properties.size());
    for (const auto& [name, member] : value.members()) {
      const auto known =
          std::ranges::find(node.properties, name, [](const auto& entry) -> std::string_view { return entry.first; });
      if (known == node.properties.end()) {
        if (node.closed) return unknown(node, name, path);
        continue;
      }
      const auto index = static_cast<std::size_t>(known - node.properties.begin());
      if (seen[index]) return fmt::format("{} is given twice", member_path(name, path));
      seen[index] = true;
      if (std::string problem = (*this)(known->second, member, member_path(name, path)); !problem.empty())
        return problem;
    }
    return {};
  }

  std::string unknown(const Schema::Node& node, std::string_view name, const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& [known, property] : node.properties) names.push_back(known);
    const auto near = nearest(name, names, 1);
    const std::string what = member_path(shortened_text(name, kShownBytes), path);
    if (!near.empty()) return fmt::format("unknown {}: did you mean {}?", what, near.front());
    if (names.empty()) return fmt::format("unknown {}: there are none", what);
    return fmt::format("unknown {}: there are {}", what, joined(names, ", "));
  }

  std::string items(const Schema::Node& node, JsonView value, const std::string& path) const {
    std::size_t index = 0;
    for (const JsonView item : value.items()) {
      if (std::string problem = (*this)(node, item, fmt::format("{}[{}]", path, index++)); !problem.empty())
        return problem;
    }
    return {};
  }

  std::string_view what_;
  std::string_view whole_;
};

}  // namespace

Schema::Schema(std::string_view text) : root_(new Node) {
  if (const auto document = JsonDocument::parse(text)) *root_ = compile(document->root());
}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

std::string Schema::problem(JsonView value, std::string_view what, std::string_view whole) const {
  return Check(what, whole)(*root_, value, std::string(whole));
}

}  // namespace musher::mcp
