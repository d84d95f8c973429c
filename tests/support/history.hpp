#pragma once
// Histories of ops for tests of the document: made by hand or at random, and what they must add up to.
// Ids, keys and signatures are not real here: the document trusts whoever verified them.

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "document/causal_index.hpp"
#include "document/document.hpp"

namespace musher::testing {

/// One op with its id and content.
struct Entry {
  OpId id;
  Op op;
  std::optional<std::string> content{};
};
/// In causal order.
using History = std::vector<Entry>;

/// Ids and keys that are in no order of the numbers they are made from.
[[nodiscard]] OpId id_of(std::uint64_t number);
[[nodiscard]] AuthorId author_of(std::uint64_t number);

/// Who is heard, and who may erase other authors' ops. By default everyone is heard and nobody may.
struct Trust {
  std::vector<AuthorId> muted{};
  std::vector<AuthorId> erasers{};
  [[nodiscard]] bool hears(const AuthorId& author) const;
  [[nodiscard]] bool is_eraser(const AuthorId& author) const;
};

/// A document beside the index it asks.
class Node {
 public:
  explicit Node(Trust trust = {}) : trust_(std::move(trust)) {}
  Applied apply(const Entry& entry);
  /// Applies without adding to the index: for an index that already holds the op.
  Applied apply_indexed(const Entry& entry);
  void apply_all(const History& history);
  [[nodiscard]] const Document& document() const { return document_; }
  [[nodiscard]] CausalIndex& index() { return index_; }

 private:
  Trust trust_;
  CausalIndex index_;
  Document document_{index_};
};

/// Makes ops one after the other. An author's prev is its last op here, unless told otherwise.
class Writer {
 public:
  struct Fields {
    unsigned author = 1;
    std::uint64_t seq = 1;
    OpId target{};
    std::vector<OpId> parents{};
    std::string name{};
    std::optional<std::string> content{};
    std::optional<OpId> prev{};
  };
  OpId insert(Fields fields);  ///< content {} when none is given
  OpId set(Fields fields);     ///< content 1 when none is given
  OpId tombstone(Fields fields);
  OpId erase(Fields fields);
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] const Entry& last() const { return history_.back(); }

 private:
  OpId add(OpKind kind, Fields&& fields);
  History history_;
};

/// For each op, whether each earlier op is among its ancestors: by walking, for histories of a few hundred.
using Ancestors = std::vector<std::vector<bool>>;
[[nodiscard]] Ancestors ancestors_of(const History& history);

/// What one random op is made from. Any numbers will do, so that a failing history shrinks.
using Gene = std::array<std::uint16_t, 8>;
/// Four authors, two of whose keys may be on several branches; any old op as target, prev or parent.
[[nodiscard]] History random_history(const std::vector<Gene>& genes);
[[nodiscard]] AuthorId random_history_author(unsigned number);  ///< 0 to 3
inline constexpr unsigned kRandomHistoryAuthors = 4;

/// The same ops in another causal order.
[[nodiscard]] History shuffled(const History& history, std::mt19937& random);
/// The same order, with some ops applied a second time, anywhere later.
[[nodiscard]] History with_duplicates(const History& history, std::mt19937& random);

/// What format.md's rules make of a history, by the book and slowly.
[[nodiscard]] std::vector<ItemState> expected_items(const History& history, const Trust& trust);

}  // namespace musher::testing
