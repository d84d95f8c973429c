#include "document/document.hpp"

#include <algorithm>

#include "document/document_state.hpp"
#include "model/canonical_json.hpp"

namespace musher {

Document::Document(const Ancestry& ancestry) : state_(std::make_unique<State>(ancestry)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Applied> Document::apply(const DocumentOp& op) {
  switch (op.op.kind) {
    case OpKind::insert: return state_->insert(op);
    case OpKind::set: return state_->set(op);
    case OpKind::tombstone: return state_->tombstone(op);
    case OpKind::erase: state_->erase(op); break;
  }
  return Applied::applied;
}

Result<Applied> Document::State::insert(const DocumentOp& op) {
  if (items.find(op.id) != kNoEntry) return Applied::applied;
  const EntryNumber after = op.op.target.is_zero() ? kNoEntry : items.find(op.op.target);
  if (after == kNoEntry && !op.op.target.is_zero()) return Applied::target_missing;
  bool purged = false;
  if (Story* known = find_story(op.op.name); known != nullptr && known->purges && op.effective) {
    MUSHER_TRY(purged, known->purges->hide(op.id, *ancestry));
  }

  const EntryNumber story = story_number(op.op.name);
  const bool visible = op.effective && !purged;
  const EntryNumber number = items.add({.id = op.id,
                                        .seq = op.op.seq,
                                        .author = authors.number_of(op.op.author),
                                        .story = story,
                                        .after = after,
                                        .visible = visible});
  order.reset();
  list_seq = std::max(list_seq, op.op.seq);
  stories[story].items.push_back(number);
  if (visible) {
    ++counts.items;
    if (++stories[story].visible == 1) ++counts.stories;
  } else {
    ++counts.tombstones;
  }
  if (op.effective && op.content) {
    const JsonMembers fields = members(*op.content);
    items[number].registers.reserve(fields.size());
    for (const auto& [name, value] : fields) {
      write(number, items[number].registers.at(field_names.number_of(name)), {Seq{0}, op.op.author, op.id}, value);
    }
  }
  return purged ? Applied::came_back : Applied::applied;
}

Result<Applied> Document::State::set(const DocumentOp& op) {
  const EntryNumber number = items.find(op.op.target);
  if (number == kNoEntry) return Applied::target_missing;
  Register& written = items[number].registers.at(field_names.number_of(op.op.name));
  written.top = std::max(written.top, op.op.seq);
  if (op.effective) write(number, written, {op.op.seq, op.op.author, op.id}, op.content);
  return Applied::applied;
}

Result<Applied> Document::State::tombstone(const DocumentOp& op) {
  const EntryNumber target = items.find(op.op.target);
  if (target == kNoEntry) return Applied::target_missing;
  if (op.effective && op.op.is_purge()) return purge(op, target);
  list_seq = std::max(list_seq, op.op.seq);
  if (op.effective) hide(target);
  return Applied::applied;
}

Result<Applied> Document::State::purge(const DocumentOp& op, EntryNumber target) {
  Story& story = stories[story_number(op.op.name)];
  std::vector<EntryNumber> doomed{target};
  for (std::size_t at = story.hidden; at < story.items.size(); ++at) {
    const EntryNumber number = story.items[at];
    if (number == target || !items[number].visible) continue;
    // In causal order nothing here descends from the purge; a replay in another order asks.
    MUSHER_TRY(const bool knows_it, ancestry->precedes(op.id, items[number].id));
    if (!knows_it) doomed.push_back(number);
  }
  if (!story.purges) story.purges = std::make_unique<Purges>();
  MUSHER_CHECK(story.purges->add(op.id, *ancestry));

  list_seq = std::max(list_seq, op.op.seq);
  for (const EntryNumber number : doomed) hide(number);
  const auto first_visible =
      std::partition(story.items.begin() + static_cast<std::ptrdiff_t>(story.hidden), story.items.end(),
                     [&](EntryNumber number) { return !items[number].visible; });
  story.hidden = static_cast<std::size_t>(first_visible - story.items.begin());
  return Applied::applied;
}

void Document::State::erase(const DocumentOp& op) {
  if (!op.effective) return;
  const auto may_erase = [&](EntryNumber author) { return op.author_is_eraser || authors[author] == op.op.author; };
  if (const EntryNumber number = items.find(op.op.target); number != kNoEntry) {
    if (may_erase(items[number].author)) erase_insert(items[number]);
    return;
  }
  if (!set_winners) find_set_winners();
  const auto found = set_winners->find(op.op.target);
  if (found == set_winners->end()) return;
  Register& written = items[found->second.item].registers.all()[found->second.place];
  if (may_erase(written.author)) erase_set(written);
}

Document::State::Story* Document::State::find_story(std::string_view name) {
  const EntryNumber number = story_names.find(name);
  return number == kNoEntry ? nullptr : &stories[number];
}

EntryNumber Document::State::story_number(std::string_view name) {
  const EntryNumber number = story_names.number_of(name);
  if (number == stories.size()) stories.emplace_back();
  return number;
}

bool Document::State::wins(const WriteKey& key, const Register& current) const {
  return !current.has_winner() || key > WriteKey{current.seq, authors[current.author], current.winner};
}

void Document::State::write(EntryNumber item, Register& written, const WriteKey& key,
                            std::optional<std::string_view> value) {
  if (!wins(key, written)) return;
  if (set_winners) {
    set_winners->erase(written.winner);
    if (key.id != items[item].id) {
      set_winners->emplace(key.id,
                           Place{item, static_cast<EntryNumber>(&written - items[item].registers.all().data())});
    }
  }
  written.seq = key.seq;
  written.author = authors.number_of(key.author);
  written.winner = key.id;
  written.erased = false;
  written.drop_value();
  if (value && items[item].visible) {
    written.has_value = true;
    written.value = std::string(*value);
  }
}

void Document::State::hide(EntryNumber number) {
  Item& item = items[number];
  if (!item.visible) return;
  item.visible = false;
  --counts.items;
  ++counts.tombstones;
  if (--stories[item.story].visible == 0) --counts.stories;
  for (Register& written : item.registers.all()) written.drop_value();
}

void Document::State::erase_insert(Item& item) {
  item.content_erased = true;
  for (Register& written : item.registers.all()) {
    if (written.winner != item.id) continue;
    written.winner = OpId{};
    written.drop_value();
  }
}

void Document::State::erase_set(Register& written) {
  written.erased = true;
  written.drop_value();
}

void Document::State::find_set_winners() {
  set_winners.emplace();
  for (EntryNumber number = 0; number < items.size(); ++number) {
    const std::vector<Register>& registers = items[number].registers.all();
    for (EntryNumber place = 0; place < registers.size(); ++place) {
      const OpId& winner = registers[place].winner;
      if (registers[place].has_winner() && winner != items[number].id)
        set_winners->emplace(winner, Place{number, place});
    }
  }
}

}  // namespace musher
