#include "document/list_order.hpp"

#include <algorithm>
#include <iterator>

namespace musher {

std::vector<EntryNumber> list_order(const Items& items, const AuthorInterner& authors) {
  const EntryNumber count = items.size();
  const auto parent = [&](EntryNumber number) { return std::min(items[number].after, count); };  // count: the head
  const auto key = [&](EntryNumber number) {
    const Item& item = items[number];
    return WriteKey{item.seq, authors[item.author], item.id};
  };

  // The children of one item lie side by side, lowest key first: begins[p] to begins[p + 1].
  std::vector<EntryNumber> begins(std::size_t{count} + 2);
  for (EntryNumber number = 0; number < count; ++number) ++begins[parent(number) + 1];
  for (std::size_t at = 1; at < begins.size(); ++at) begins[at] += begins[at - 1];
  std::vector<EntryNumber> children(count);
  std::vector<EntryNumber> filled(begins.begin(), std::prev(begins.end()));
  for (EntryNumber number = 0; number < count; ++number) children[filled[parent(number)]++] = number;
  for (std::size_t at = 0; at <= count; ++at) {
    std::sort(children.begin() + begins[at], children.begin() + begins[at + 1],
              [&](EntryNumber left, EntryNumber right) { return key(left) < key(right); });
  }

  std::vector<EntryNumber> order;
  order.reserve(count);
  std::vector<EntryNumber> open;
  const auto open_children = [&](EntryNumber number) {
    open.insert(open.end(), children.begin() + begins[number], children.begin() + begins[number + 1]);
  };
  for (open_children(count); !open.empty();) {
    order.push_back(open.back());
    open.pop_back();
    open_children(order.back());
  }
  return order;
}

}  // namespace musher
