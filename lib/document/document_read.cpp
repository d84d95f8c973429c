// Reading a document: nothing here changes it.

#include <algorithm>
#include <tuple>

#include "crypto/hashing.hpp"
#include "document/document.hpp"
#include "document/document_state.hpp"

namespace musher {

std::span<const EntryNumber> Document::State::in_order() const {
  if (!order) order = list_order(items, authors);
  return *order;
}

WriteKey Document::State::key_of(EntryNumber number) const {
  const Item& item = items[number];
  return {item.seq, authors[item.author], item.id};
}

template <class Keep>
std::vector<const Register*> Document::State::by_name(const Item& item, const Keep& keep) const {
  std::vector<const Register*> kept;
  for (const Register& written : item.registers.all()) {
    if (keep(written)) kept.push_back(&written);
  }
  std::sort(kept.begin(), kept.end(), [this](const Register* left, const Register* right) {
    return field_names[left->field] < field_names[right->field];
  });
  return kept;
}

ItemState Document::State::state_of(const Item& item) const {
  ItemState result{.id = item.id,
                   .story = story_names[item.story],
                   .author = authors[item.author],
                   .seq = item.seq,
                   .visible = item.visible,
                   .content_erased = item.content_erased,
                   .fields = {}};
  const auto kept = by_name(item, [](const Register& written) { return written.has_winner(); });
  result.fields.reserve(kept.size());
  for (const Register* written : kept) {
    result.fields.push_back({.name = field_names[written->field],
                             .value = written->has_value ? std::optional(written->value) : std::nullopt,
                             .winner = written->winner,
                             .author = authors[written->author],
                             .seq = written->seq,
                             .erased = written->erased});
  }
  return result;
}

std::vector<ItemState> Document::items(bool with_hidden) const {
  std::vector<ItemState> result;
  for (const EntryNumber number : state_->in_order()) {
    const Item& item = state_->items[number];
    if (item.visible || with_hidden) result.push_back(state_->state_of(item));
  }
  return result;
}

std::optional<ItemState> Document::item(const OpId& id) const {
  const EntryNumber number = state_->items.find(id);
  if (number == kNoEntry) return std::nullopt;
  return state_->state_of(state_->items[number]);
}

std::optional<std::string> Document::story_of(const OpId& id) const {
  const EntryNumber number = state_->items.find(id);
  if (number == kNoEntry) return std::nullopt;
  return std::string(state_->story_names[state_->items[number].story]);
}

std::vector<std::string> Document::stories() const {
  const State& state = *state_;
  std::vector<EntryNumber> shown(state.stories.size(), kNoEntry);
  for (EntryNumber number = 0; number < state.items.size(); ++number) {
    if (!state.items[number].visible) continue;
    EntryNumber& best = shown[state.items[number].story];
    if (best == kNoEntry || state.key_of(number) > state.key_of(best)) best = number;
  }
  std::vector<std::string> result;
  for (const EntryNumber number : state.in_order()) {
    const EntryNumber story = state.items[number].story;
    if (shown[story] == number) result.push_back(state.story_names[story]);
  }
  return result;
}

std::vector<ItemState> Document::story(std::string_view story) const {
  const State::Story* found = state_->find_story(story);
  if (found == nullptr) return {};
  std::vector<EntryNumber> numbers = found->items;
  std::sort(numbers.begin(), numbers.end(), [this](EntryNumber left, EntryNumber right) {
    const bool left_visible = state_->items[left].visible;
    const bool right_visible = state_->items[right].visible;
    if (left_visible != right_visible) return left_visible;
    return state_->key_of(left) > state_->key_of(right);
  });
  std::vector<ItemState> result;
  for (const EntryNumber number : numbers) result.push_back(state_->state_of(state_->items[number]));
  return result;
}

std::vector<OpId> Document::purges(std::string_view story) const {
  const State::Story* found = state_->find_story(story);
  return found == nullptr || !found->purges ? std::vector<OpId>{} : found->purges->all();
}

Seq Document::next_seq(const OpId& item, std::string_view field) const {
  const EntryNumber number = state_->items.find(item);
  const EntryNumber name = state_->field_names.find(field);
  if (number == kNoEntry || name == kNoEntry) return Seq{1};
  const Register* written = state_->items[number].registers.find(name);
  return written == nullptr ? Seq{1} : next(written->top);
}

Seq Document::next_list_seq() const { return next(state_->list_seq); }

std::vector<Document::RegisterSeq> Document::register_seqs() const {
  std::vector<RegisterSeq> result;
  for (const EntryNumber number : state_->in_order()) {
    const Item& item = state_->items[number];
    for (const Register* written : state_->by_name(item, [](const Register& each) { return each.top != Seq{}; })) {
      result.push_back(
          {item.id, state_->story_names[item.story], state_->field_names[written->field], next(written->top)});
    }
  }
  return result;
}

DocumentCounts Document::counts() const { return state_->counts; }

Digest Document::state_digest() const {
  StateHasher hasher;
  for (const EntryNumber number : state_->in_order()) {
    const Item& item = state_->items[number];
    const auto by_set = [&](const Register& written) { return written.has_winner() && written.winner != item.id; };
    const auto kept = state_->by_name(item, by_set);
    hasher.add(item.id.hash);
    hasher.add_u8(item.visible ? 1 : 0);
    hasher.add_u8(item.content_erased ? 1 : 0);
    hasher.add_u32(static_cast<std::uint32_t>(kept.size()));
    for (const Register* written : kept) {
      const std::string& name = state_->field_names[written->field];
      hasher.add_u32(static_cast<std::uint32_t>(name.size()));
      hasher.add(name);
      hasher.add(written->winner.hash);
      hasher.add_u8(written->erased ? 1 : 0);
    }
  }
  return hasher.finish();
}

}  // namespace musher
