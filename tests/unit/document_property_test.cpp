#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "support/history.hpp"
#include "support/property.hpp"

namespace musher {
namespace {

using namespace testing;

/// Who is muted and who may erase, of the four authors of a random history.
Trust trust_from(unsigned bits) {
  Trust trust;
  for (unsigned author = 0; author < kRandomHistoryAuthors; ++author) {
    if ((bits >> (2 * author)) % 4 == 3) trust.muted.push_back(random_history_author(author));
    if ((bits >> (8 + author)) % 2 == 1) trust.erasers.push_back(random_history_author(author));
  }
  return trust;
}

void require_same(const Document& left, const Document& right) {
  RC_ASSERT(left.state_digest() == right.state_digest());
  RC_ASSERT(left.items(true) == right.items(true));
  RC_ASSERT(left.items() == right.items());
  RC_ASSERT(left.stories() == right.stories());
  RC_ASSERT(left.register_seqs() == right.register_seqs());
  RC_ASSERT(left.next_list_seq() == right.next_list_seq());
}

TEST_CASE("document: a random history adds up to what the rules say", "[document]") {
  CHECK(holds("items, fields, winners, values, order", [](const std::vector<Gene>& genes, unsigned bits) {
    const History history = random_history(genes);
    const Trust trust = trust_from(bits);
    Node node(trust);
    node.apply_all(history);
    const std::vector<ItemState> expected = expected_items(history, trust);
    RC_ASSERT(node.document().items(true) == expected);

    std::vector<ItemState> visible;
    std::map<std::string, std::uint64_t> stories;
    for (const ItemState& item : expected) {
      RC_ASSERT(node.document().item(item.id) == item);
      if (!item.visible) continue;
      visible.push_back(item);
      ++stories[item.story];
    }
    RC_ASSERT(node.document().items() == visible);
    RC_ASSERT(node.document().counts().items == visible.size());
    RC_ASSERT(node.document().counts().tombstones == expected.size() - visible.size());
    RC_ASSERT(node.document().counts().stories == stories.size());
    RC_ASSERT(node.document().stories().size() == stories.size());
    for (const std::string& story : node.document().stories()) {
      RC_ASSERT(stories.contains(story));
      const std::vector<ItemState> items = node.document().story(story);
      RC_ASSERT(items.front().visible);
      RC_ASSERT(std::is_sorted(items.begin(), items.end(), [](const ItemState& left, const ItemState& right) {
        return std::tie(left.visible, left.seq, left.author, left.id) >
               std::tie(right.visible, right.seq, right.author, right.id);
      }));
    }
  }));
}

TEST_CASE("document: every seq counts, whoever wrote it", "[document]") {
  CHECK(holds("next seq of registers and list", [](const std::vector<Gene>& genes, unsigned bits) {
    const History history = random_history(genes);
    Node node(trust_from(bits));
    node.apply_all(history);
    Seq list{};
    std::map<std::pair<OpId, std::string>, Seq> tops;
    for (const auto& [id, op, content] : history) {
      if (op.kind == OpKind::insert || op.kind == OpKind::tombstone) list = std::max(list, op.seq);
      if (op.kind == OpKind::set) tops[{op.target, op.name}] = std::max(tops[{op.target, op.name}], op.seq);
    }
    RC_ASSERT(node.document().next_list_seq() == next(list));
    RC_ASSERT(node.document().register_seqs().size() == tops.size());
    for (const Document::RegisterSeq& each : node.document().register_seqs()) {
      RC_ASSERT(each.next == next(tops.at({each.item, each.field})));
      RC_ASSERT(node.document().next_seq(each.item, each.field) == each.next);
    }
  }));
}

TEST_CASE("document: any causal order with duplicates gives the same state", "[document]") {
  CHECK(
      holds("state digest, items, counters, purges", [](const std::vector<Gene>& genes, unsigned bits, unsigned seed) {
        std::mt19937 random(seed);
        const History history = random_history(genes);
        const Trust trust = trust_from(bits);
        Node node(trust);
        node.apply_all(history);
        for (int round = 0; round < 3; ++round) {
          Node other(trust);
          other.apply_all(with_duplicates(shuffled(history, random), random));
          require_same(node.document(), other.document());
          for (const Entry& entry : history) {
            auto left = node.document().purges(entry.op.name);
            auto right = other.document().purges(entry.op.name);
            RC_ASSERT(std::is_permutation(left.begin(), left.end(), right.begin(), right.end()));
          }
        }
      }));
}

TEST_CASE("document: batches give the same state, also when the index is a batch ahead", "[document]") {
  CHECK(holds("any batch split", [](const std::vector<Gene>& genes, unsigned bits, unsigned seed) {
    std::mt19937 random(seed);
    const History history = random_history(genes);
    const Trust trust = trust_from(bits);
    Node node(trust);
    node.apply_all(history);
    const History order = shuffled(history, random);
    Node other(trust);
    for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
      end = std::min(order.size(), begin + 1 + random() % 20);
      for (std::size_t at = begin; at < end; ++at) RC_ASSERT(other.index().add(order[at].id, order[at].op));
      for (std::size_t at = begin; at < end; ++at) other.apply_indexed(order[at]);
    }
    require_same(node.document(), other.document());
  }));
}

TEST_CASE("document: a rebuild under other trust is the document that trust would have built", "[document]") {
  CHECK(holds("order independent", [](const std::vector<Gene>& genes, unsigned before, unsigned after, unsigned seed) {
    std::mt19937 random(seed);
    const History history = random_history(genes);
    Node node(trust_from(before));
    node.apply_all(history);

    Document rebuilt(node.index());  // the index does not depend on trust
    const Trust trust = trust_from(after);
    for (const Entry& entry : history) {
      const AuthorId& author = entry.op.author;
      RC_ASSERT(
          rebuilt.apply({entry.id, entry.op, entry.content, trust.hears(author), trust.is_eraser(author)}).has_value());
    }
    Node fresh(trust);
    fresh.apply_all(shuffled(history, random));
    require_same(rebuilt, fresh.document());
  }));
}

TEST_CASE("document: a node that gets erased ops without their content has the same state", "[document]") {
  CHECK(holds("digest always; items when the erase is heard",
              [](const std::vector<Gene>& genes, unsigned bits, unsigned seed) {
                std::mt19937 random(seed);
                History history = random_history(genes);
                const Trust trust = trust_from(bits);
                Node node(trust);
                node.apply_all(history);

                std::vector<OpId> heard;
                std::vector<OpId> muted;
                for (const Entry& entry : history) {
                  if (entry.op.kind != OpKind::erase) continue;
                  const auto named = [&](const Entry& other) { return other.id == entry.op.target; };
                  const AuthorId& target = std::find_if(history.begin(), history.end(), named)->op.author;
                  const bool takes_effect =
                      trust.hears(entry.op.author) && (trust.is_eraser(entry.op.author) || entry.op.author == target);
                  (takes_effect ? heard : muted).push_back(entry.op.target);
                }
                const auto drop = [&](const std::vector<OpId>& erased) {
                  for (Entry& entry : history) {
                    if (std::find(erased.begin(), erased.end(), entry.id) != erased.end()) entry.content.reset();
                  }
                  Node other(trust);
                  other.apply_all(shuffled(history, random));
                  return other.document().items(true) == node.document().items(true) &&
                         other.document().state_digest() == node.document().state_digest();
                };
                RC_ASSERT(drop(heard));
                drop(muted);
                Node bare(trust);
                bare.apply_all(shuffled(history, random));
                RC_ASSERT(bare.document().state_digest() == node.document().state_digest());
              }));
}

TEST_CASE("document: a purge hides every insert that did not know it, in whatever order they arrive", "[document]") {
  CHECK(holds("no visible item of a purged story lacks a purge",
              [](const std::vector<Gene>& genes, unsigned bits, unsigned seed) {
                std::mt19937 random(seed);
                const History history = random_history(genes);
                const Ancestors ancestors = ancestors_of(history);
                const Trust trust = trust_from(bits);
                Node node(trust);
                node.apply_all(shuffled(history, random));
                for (std::size_t insert = 0; insert < history.size(); ++insert) {
                  const auto item = node.document().item(history[insert].id);
                  if (!item || !item->visible) continue;
                  for (std::size_t purge = 0; purge < history.size(); ++purge) {
                    const Op& op = history[purge].op;
                    if (op.is_purge() && op.name == item->story && trust.hears(op.author))
                      RC_ASSERT(ancestors[insert][purge]);
                  }
                }
              }));
}

TEST_CASE("document: a change that is seen changes the state digest", "[document]") {
  CHECK(holds("two prefixes differ in digest when they differ in items", [](const std::vector<Gene>& genes) {
    const History history = random_history(genes);
    Node node;
    auto items = node.document().items(true);
    Digest digest = node.document().state_digest();
    for (const Entry& entry : history) {
      node.apply(entry);
      const auto now = node.document().items(true);
      RC_ASSERT((now == items) == (node.document().state_digest() == digest));
      items = now;
      digest = node.document().state_digest();
    }
  }));
}

}  // namespace
}  // namespace musher
