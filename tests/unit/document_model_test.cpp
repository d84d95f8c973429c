// The executable model of the rules, tests/conformance/model.py, and the document must make the same of the same
// histories.

#include <simdjson.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

#include "support/history.hpp"

namespace musher {
namespace {

using namespace testing;
using simdjson::dom::element;

/// What the model printed for one seed.
struct ModelHistory {
  std::uint64_t seed = 0;
  History ops;
  std::vector<ItemState> items;  ///< authors and seqs are not in the model's state
  Seq next_list_seq{};
  std::map<std::pair<OpId, std::string>, Seq> next_seqs;
  std::map<std::string, std::vector<OpId>> purges;
};

std::string text(const element& value) { return std::string(value.get_string().value()); }

/// The model's ids are short texts: left-aligned, they stand in the same order as bytes.
template <std::size_t size>
void copy_text(std::string_view from, std::array<std::uint8_t, size>& to) {
  if (from.size() > size) throw std::runtime_error("an id of the model is too long");
  std::copy(from.begin(), from.end(), to.begin());
}

OpId id(const element& value) {
  OpId result;
  copy_text(value.get_string().value(), result.hash);
  return result;
}

OpKind kind(std::string_view name) {
  for (const OpKind each : {OpKind::insert, OpKind::set, OpKind::tombstone, OpKind::erase}) {
    if (to_string(each) == name) return each;
  }
  throw std::runtime_error("the model has a kind that musher does not know");
}

Entry entry(const element& op) {
  Entry result{.id = id(op["id"]), .op = {}};
  result.op.kind = kind(op["kind"].get_string().value());
  copy_text(op["author"].get_string().value(), result.op.author.key);
  result.op.index = OpIndex{op["index"].get_uint64().value()};
  result.op.prev = id(op["prev"]);
  result.op.seq = Seq{op["seq"].get_uint64().value()};
  result.op.target = id(op["target"]);
  for (const element parent : op["parents"]) result.op.parents.push_back(id(parent));
  result.op.name = text(op["name"]);
  if (!op["content"].is_null()) result.content = text(op["content"]);
  return result;
}

/// The model lists the fields of an erased insert: it never loses content. A node that admitted the insert after its
/// erase cannot know them, so a document forgets them (document.hpp).
ItemState item(const element& from) {
  ItemState result{.id = id(from["id"]),
                   .story = text(from["story"]),
                   .author = {},
                   .visible = !from["hidden"].get_bool().value(),
                   .content_erased = from["erased"].get_bool().value(),
                   .fields = {}};
  for (const element field : from["fields"]) {
    FieldState state{.name = text(field["name"]),
                     .value = text(field["value"]),
                     .winner = id(field["winner"]),
                     .author = {},
                     .erased = field["erased"].get_bool().value()};
    if (state.erased && state.winner == result.id) continue;
    if (state.erased || !result.visible) state.value.reset();
    result.fields.push_back(std::move(state));
  }
  return result;
}

ModelHistory model_history(const element& from) {
  ModelHistory result;
  result.seed = from["seed"].get_uint64().value();
  for (const element op : from["ops"]) result.ops.push_back(entry(op));
  for (const element each : from["items"]) result.items.push_back(item(each));
  result.next_list_seq = Seq{from["next_list_seq"].get_uint64().value()};
  for (const element each : from["next_seqs"]) {
    result.next_seqs[{id(each["item"]), text(each["field"])}] = Seq{each["next"].get_uint64().value()};
  }
  const simdjson::dom::object purges_of = from["purges"].get_object().value();
  for (const auto& [story, purges] : purges_of) {
    const simdjson::dom::array ids = purges.get_array().value();
    for (const element purge : ids) result.purges[std::string(story)].push_back(id(purge));
  }
  return result;
}

/// Runs the model and hands over each history it prints; how many there were.
int for_each_history(int count, int max_parents, const std::function<void(const ModelHistory&)>& use) {
  const std::string command = "/usr/bin/python3 " MUSHER_SOURCE_DIR "/tests/conformance/model.py --histories 0 " +
                              std::to_string(count) + " " + std::to_string(max_parents);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(::popen(command.c_str(), "re"), ::pclose);
  simdjson::dom::parser parser;
  char* line = nullptr;
  std::size_t capacity = 0;
  int histories = 0;
  for (ssize_t size = 0; (size = ::getline(&line, &capacity, output.get())) > 0; ++histories) {
    use(model_history(parser.parse(line, static_cast<std::size_t>(size)).value()));
  }
  std::free(line);
  return histories;
}

void check_state(const Document& document, const ModelHistory& model) {
  std::vector<ItemState> items = document.items(true);
  for (ItemState& each : items) {
    each.author = {};
    each.seq = {};
    for (FieldState& field : each.fields) {
      field.author = {};
      field.seq = {};
    }
  }
  REQUIRE(items == model.items);
  REQUIRE(document.next_list_seq() == model.next_list_seq);
  REQUIRE(document.register_seqs().size() == model.next_seqs.size());
  for (const auto& [written, next_seq] : model.next_seqs) {
    REQUIRE(document.next_seq(written.first, written.second) == next_seq);
  }
  for (const auto& [story, expected] : model.purges) {
    std::vector<OpId> purges = document.purges(story);
    std::sort(purges.begin(), purges.end());
    REQUIRE(purges == expected);
  }
}

TEST_CASE("document: does with 800 random histories what the model does, in any causal order, with duplicates",
          "[document]") {
  constexpr int kSeeds = 400;
  const int max_parents = GENERATE(64, 2);
  std::mt19937 random(1);
  const int histories = for_each_history(kSeeds, max_parents, [&](const ModelHistory& model) {
    INFO("model.py --histories " << model.seed << " 1 " << max_parents);
    Trust trust;  // the model has no erase rights: everyone may
    for (const Entry& each : model.ops) trust.erasers.push_back(each.op.author);
    Node node(trust);
    node.apply_all(model.ops);
    check_state(node.document(), model);
    for (int order = 0; order < 2; ++order) {
      Node other(trust);
      other.apply_all(with_duplicates(shuffled(model.ops, random), random));
      check_state(other.document(), model);
      REQUIRE(other.document().state_digest() == node.document().state_digest());
    }
  });
  CHECK(histories == kSeeds);
}

}  // namespace
}  // namespace musher
