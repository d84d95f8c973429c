#pragma once
// Short questions to a node's document.

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/history.hpp"

namespace musher::testing {

/// The value of a field of an item: "" when it has no winner, "-" when it has one but no value, "erased".
inline std::string value(const Node& node, const OpId& item, const std::string& field) {
  const ItemState state = node.document().item(item).value();
  for (const FieldState& each : state.fields) {
    if (each.name != field) continue;
    return each.erased ? "erased" : each.value.value_or("-");
  }
  return "";
}

inline bool visible(const Node& node, const OpId& item) { return node.document().item(item).value().visible; }

inline std::vector<OpId> order(const Node& node, bool with_hidden = false) {
  std::vector<OpId> ids;
  for (const ItemState& item : node.document().items(with_hidden)) ids.push_back(item.id);
  return ids;
}

/// Both of two concurrent ops first, the other order second: the state must be one.
inline void check_either_order(const History& before, const Entry& left, const Entry& right, const Trust& trust,
                               const std::function<void(const Node&)>& check) {
  Node first(trust);
  first.apply_all(before);
  first.apply(left);
  first.apply(right);
  check(first);
  Node second(trust);
  second.apply_all(before);
  second.apply(right);
  second.apply(left);
  check(second);
  CHECK(first.document().state_digest() == second.document().state_digest());
}

}  // namespace musher::testing
