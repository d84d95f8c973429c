#include "support/history.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>
#include <unordered_map>

#include "model/canonical_json.hpp"

namespace musher::testing {
namespace {

void fill(std::uint64_t number, std::array<std::uint8_t, 32>& bytes) {
  for (std::uint8_t& byte : bytes) {  // splitmix64
    number += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    byte = static_cast<std::uint8_t>(mixed >> 40);
  }
}

bool contains(const std::vector<AuthorId>& authors, const AuthorId& author) {
  return std::find(authors.begin(), authors.end(), author) != authors.end();
}

using Places = std::unordered_map<OpId, std::size_t, IdHash>;

/// The last row of the table: the ancestors of an op whose dependencies are in it.
std::vector<bool> ancestors_of_next(const Op& op, const Places& places, const Ancestors& before) {
  std::vector<bool> known(before.size());
  for (const OpId& id : dependencies(op)) {
    const std::size_t dependency = places.at(id);
    known[dependency] = true;
    for (std::size_t place = 0; place < dependency; ++place) {
      if (before[dependency][place]) known[place] = true;
    }
  }
  return known;
}

Places places_of(const History& history) {
  Places places;
  for (std::size_t place = 0; place < history.size(); ++place) places.emplace(history[place].id, place);
  return places;
}

}  // namespace

OpId id_of(std::uint64_t number) {
  OpId id;
  fill(number * 2 + 1, id.hash);
  return id;
}

AuthorId author_of(std::uint64_t number) {
  AuthorId author;
  fill(number * 2, author.key);
  return author;
}

bool Trust::hears(const AuthorId& author) const { return !contains(muted, author); }
bool Trust::is_eraser(const AuthorId& author) const { return contains(erasers, author); }

Applied Node::apply(const Entry& entry) {
  if (!index_.add(entry.id, entry.op)) throw std::logic_error("not in causal order");
  return apply_indexed(entry);
}

Applied Node::apply_indexed(const Entry& entry) {
  const AuthorId& author = entry.op.author;
  return document_.apply({entry.id, entry.op, entry.content, trust_.hears(author), trust_.is_eraser(author)}).value();
}

void Node::apply_all(const History& history) {
  for (const Entry& entry : history) apply(entry);
}

OpId Writer::add(OpKind kind, Fields&& fields) {
  Entry entry{.id = id_of(1000 + history_.size()), .op = {}, .content = std::move(fields.content)};
  entry.op.kind = kind;
  entry.op.author = author_of(fields.author);
  const auto same_author = [&](const Entry& other) { return other.op.author == entry.op.author; };
  const auto before = std::find_if(history_.rbegin(), history_.rend(), same_author);
  if (before != history_.rend()) entry.op.prev = before->id;
  if (fields.prev) entry.op.prev = *fields.prev;
  entry.op.seq = Seq{fields.seq};
  entry.op.target = fields.target;
  entry.op.parents = std::move(fields.parents);
  std::sort(entry.op.parents.begin(), entry.op.parents.end());
  entry.op.name = std::move(fields.name);
  history_.push_back(std::move(entry));
  return history_.back().id;
}

OpId Writer::insert(Fields fields) {
  if (!fields.content) fields.content = "{}";
  return add(OpKind::insert, std::move(fields));
}

OpId Writer::set(Fields fields) {
  if (!fields.content) fields.content = "1";
  return add(OpKind::set, std::move(fields));
}

OpId Writer::tombstone(Fields fields) { return add(OpKind::tombstone, std::move(fields)); }

OpId Writer::erase(Fields fields) {
  fields.seq = 0;
  return add(OpKind::erase, std::move(fields));
}

Ancestors ancestors_of(const History& history) {
  const Places places = places_of(history);
  Ancestors ancestors;
  for (const Entry& entry : history) ancestors.push_back(ancestors_of_next(entry.op, places, ancestors));
  for (std::vector<bool>& known : ancestors) known.resize(history.size());
  return ancestors;
}

AuthorId random_history_author(unsigned number) { return author_of(number); }

History random_history(const std::vector<Gene>& genes) {
  static const std::array<std::string, 3> kNames{"agent", "name", "stage"};
  static const std::array<std::string, 3> kStories{"478_a", "503_b", "9_c"};
  History history;
  Places places;
  Ancestors ancestors;
  std::vector<std::size_t> inserts;
  std::vector<std::size_t> erasable;
  std::array<std::vector<std::size_t>, kRandomHistoryAuthors> written;
  const auto recent = [&](const std::vector<std::size_t>& among, std::size_t pick) -> const OpId& {
    return history[among[among.size() - 1 - pick % among.size()]].id;
  };

  for (const auto& [author, kind, fork, target, parents, pick, seq, value] : genes) {
    Entry entry{.id = id_of(history.size() * 65536 + seq), .op = {}};
    Op& op = entry.op;
    op.author = random_history_author(author % kRandomHistoryAuthors);
    auto& own = written[author % kRandomHistoryAuthors];
    if (!own.empty() && fork % 16 != 15) op.prev = recent(own, author % 2 == 1 && fork % 8 == 7 ? pick : 0);
    for (std::size_t count = parents % 4; count > 0 && !history.empty(); --count) {
      op.parents.push_back(history[history.size() - 1 - (pick * count) % history.size()].id);
    }
    std::sort(op.parents.begin(), op.parents.end());
    op.parents.erase(std::unique(op.parents.begin(), op.parents.end()), op.parents.end());

    const unsigned choice = inserts.empty() ? 0 : kind % 16;
    if (choice < 5) {
      op.kind = OpKind::insert;
      if (!inserts.empty() && target % 3 != 0) op.target = recent(inserts, target);
      op.name = kStories[value % 3];
      entry.content = value % 5 == 0 ? "{}" : R"({"name":"n","stage":")" + std::to_string(value) + "\"}";
    } else if (choice < 10) {
      op.kind = OpKind::set;
      op.target = recent(inserts, target);
      op.name = kNames[value % 3];
      entry.content = std::to_string(value);
    } else if (choice < 13) {
      op.kind = OpKind::tombstone;
      const Entry& item = history[inserts[inserts.size() - 1 - target % inserts.size()]];
      op.target = item.id;
      if (choice > 10) op.name = item.op.name;
    } else {
      op.kind = OpKind::erase;
      op.target = recent(erasable, target);
    }

    history.push_back(entry);
    const std::size_t place = history.size() - 1;
    places.emplace(entry.id, place);
    ancestors.push_back(ancestors_of_next(op, places, ancestors));
    if (op.kind != OpKind::erase) {  // one more than any ancestor's on this register, or anything small
      std::uint64_t top = 0;
      for (std::size_t earlier = 0; earlier < place; ++earlier) {
        const Op& other = history[earlier].op;
        const bool same = op.kind == OpKind::set
                              ? other.kind == OpKind::set && other.target == op.target && other.name == op.name
                              : other.kind == OpKind::insert || other.kind == OpKind::tombstone;
        if (ancestors[place][earlier] && same) top = std::max(top, raw(other.seq));
      }
      history[place].op.seq = Seq{seq % 4 == 3 ? 1 + seq % 5 : top + 1};
      erasable.push_back(place);
    }
    if (op.kind == OpKind::insert) inserts.push_back(place);
    own.push_back(place);
  }
  return history;
}

History shuffled(const History& history, std::mt19937& random) {
  const Places places = places_of(history);
  std::vector<std::size_t> missing(history.size());
  std::vector<std::vector<std::size_t>> waiting(history.size());
  std::vector<std::size_t> ready;
  for (std::size_t place = 0; place < history.size(); ++place) {
    const std::vector<OpId> needed = dependencies(history[place].op);
    missing[place] = needed.size();
    for (const OpId& id : needed) waiting[places.at(id)].push_back(place);
    if (needed.empty()) ready.push_back(place);
  }
  History result;
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    const std::size_t place = ready.back();
    ready.pop_back();
    result.push_back(history[place]);
    for (const std::size_t later : waiting[place]) {
      if (--missing[later] == 0) ready.push_back(later);
    }
  }
  return result;
}

History with_duplicates(const History& history, std::mt19937& random) {
  History result;
  for (const Entry& entry : history) {
    result.push_back(entry);
    while (random() % 3 == 0) result.push_back(Entry(result[random() % result.size()]));
  }
  return result;
}

std::vector<ItemState> expected_items(const History& history, const Trust& trust) {
  using Key = std::tuple<Seq, AuthorId, OpId>;
  const Ancestors ancestors = ancestors_of(history);
  const Places places = places_of(history);
  const auto heard = [&](const Entry& entry) { return trust.hears(entry.op.author); };

  std::set<OpId> erased;
  for (const Entry& entry : history) {
    if (entry.op.kind != OpKind::erase || !heard(entry)) continue;
    const Entry& target = history[places.at(entry.op.target)];
    if (trust.is_eraser(entry.op.author) || target.op.author == entry.op.author) erased.insert(target.id);
  }

  std::map<OpId, std::vector<std::pair<Key, ItemState>>> children;
  for (std::size_t place = 0; place < history.size(); ++place) {
    const Entry& insert = history[place];
    if (insert.op.kind != OpKind::insert) continue;
    ItemState item{
        insert.id, insert.op.name, insert.op.author, insert.op.seq, heard(insert), erased.contains(insert.id), {}};
    std::map<std::string, std::pair<Key, FieldState>> fields;
    const auto write = [&](const std::string& name, const Entry& by, Seq seq, const std::string& value) {
      const Key key{seq, by.op.author, by.id};
      const auto [field, fresh] = fields.try_emplace(name);
      if (!fresh && key <= field->second.first) return;
      field->second = {key, {name, value, by.id, by.op.author, seq, erased.contains(by.id)}};
    };
    if (heard(insert)) {
      for (const auto& [name, value] : members(insert.content.value())) write(name, insert, Seq{}, value);
    }
    for (std::size_t at = 0; at < history.size(); ++at) {
      const Entry& other = history[at];
      if (!heard(other)) continue;
      if (other.op.kind == OpKind::set && other.op.target == insert.id) {
        write(other.op.name, other, other.op.seq, other.content.value());
      }
      if (other.op.kind == OpKind::tombstone && other.op.target == insert.id) item.visible = false;
      if (other.op.is_purge() && other.op.name == insert.op.name && !ancestors[place][at]) item.visible = false;
    }
    for (auto& [name, written] : fields) {
      FieldState& field = written.second;
      if (field.winner == insert.id && field.erased) continue;
      if (field.erased || !item.visible) field.value.reset();
      item.fields.push_back(field);
    }
    children[insert.op.target].push_back({{insert.op.seq, insert.op.author, insert.id}, item});
  }

  std::vector<ItemState> order;
  const std::function<void(const OpId&)> visit = [&](const OpId& parent) {
    auto& siblings = children[parent];
    std::sort(siblings.begin(), siblings.end(),
              [](const auto& left, const auto& right) { return left.first > right.first; });
    for (const auto& [key, item] : siblings) {
      order.push_back(item);
      visit(item.id);
    }
  };
  visit(OpId{});
  return order;
}

}  // namespace musher::testing
