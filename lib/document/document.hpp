#pragma once
// The CRDT: what the ops of one pipeline add up to. Pure: no I/O, no clock, no trust decisions of its own.
// The rules are in docs/format.md, "Document"; tests/conformance/model.py is an executable model of them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/ancestry.hpp"
#include "model/op.hpp"
#include "model/result.hpp"

namespace musher {

/// One admitted op as the document sees it. References need to live only as long as the call.
/// An insert that is muted still makes its item, hidden for ever and without fields of its own.
struct DocumentOp {
  const OpId& id;
  const Op& op;
  std::optional<std::string_view> content;  ///< canonical JSON; absent when there is none or it was erased
  bool effective = true;                    ///< false: muted. Its seq counts and it keeps its place, nothing else
  bool author_is_eraser = false;            ///< the local flag: may erase other authors' ops
};

enum class Applied : std::uint8_t {
  applied,         ///< heard, or muted and counted, or applied before
  came_back,       ///< an insert hidden at once by a purge it does not descend from (the finding came-back)
  target_missing,  ///< the item it needs is not here: nothing changed, no counter advanced
};

/// One field of one item.
struct FieldState {
  std::string name;
  std::optional<std::string> value;  ///< canonical JSON; absent when erased or its content is not in this log
  OpId winner;                       ///< the op that wrote it
  AuthorId author;                   ///< of the winner
  Seq seq{};                         ///< of the winner; 0 for an insert's initial field
  bool erased = false;               ///< by an effective erase

  bool operator==(const FieldState&) const = default;
};

/// One item: an insert and what was done to it. Of an erased insert the initial fields are gone, names and all, since
/// their names are content: a node that got it after the erase never knew them.
struct ItemState {
  OpId id;
  std::string story;
  AuthorId author;
  Seq seq{};
  bool visible = false;
  bool content_erased = false;     ///< the insert's content was, by an effective erase
  std::vector<FieldState> fields;  ///< by name, only fields that have a winner

  bool operator==(const ItemState&) const = default;
};

struct DocumentCounts {
  std::uint64_t stories = 0;     ///< with a visible item
  std::uint64_t items = 0;       ///< visible
  std::uint64_t tombstones = 0;  ///< items that are not visible
};

/// Ops are applied in causal order (any causal order gives the same state; a duplicate changes nothing). Applying is
/// amortised O(log n) an op whatever the shape, but for inserts and purges of a story with many purges that know
/// nothing of each other (document/known_purges.hpp). Memory follows live state: a hidden item keeps its place, its
/// register winners and counters, not its values. Reading is for one thread at a time too: the list order is kept once
/// computed.
///
/// An order that is not causal is taken as well (the naive replay): an op whose item is not here yet is target_missing,
/// and an erase of an op that is not here does nothing.
class Document {
 public:
  /// `ancestry` must outlive the document and, at each apply, hold the op's ancestors and the op itself.
  explicit Document(const Ancestry& ancestry);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  /// @errors only what `ancestry` fails with; the op is then not applied.
  Result<Applied> apply(const DocumentOp& op);

  /// The items in list order, hidden ones left out unless asked for.
  [[nodiscard]] std::vector<ItemState> items(bool with_hidden = false) const;
  /// Nothing when no insert made it.
  [[nodiscard]] std::optional<ItemState> item(const OpId& id) const;
  /// The item's story, whatever fields it has.
  [[nodiscard]] std::optional<std::string> story_of(const OpId& id) const;
  /// Story ids with a visible item, each once, in the list order of the item that is shown for it.
  [[nodiscard]] std::vector<std::string> stories() const;
  /// All items of a story, visible ones first; among each, by (insert seq, author, id) descending: the first is the one
  /// shown.
  [[nodiscard]] std::vector<ItemState> story(std::string_view story) const;
  /// Effective purges of a story, each once, in the order they were applied.
  [[nodiscard]] std::vector<OpId> purges(std::string_view story) const;

  /// 1 + the highest seq this register has seen, of any author, heard or muted. 1 for a field nobody set.
  [[nodiscard]] Seq next_seq(const OpId& item, std::string_view field) const;
  /// 1 + the highest list seq (inserts and deletes).
  [[nodiscard]] Seq next_list_seq() const;
  /// Every register a set op wrote, with its next seq: item, field, next. Order: items in list order, then by name.
  struct RegisterSeq {
    OpId item;
    std::string story;
    std::string field;
    Seq next{};
    bool operator==(const RegisterSeq&) const = default;
  };
  [[nodiscard]] std::vector<RegisterSeq> register_seqs() const;

  [[nodiscard]] DocumentCounts counts() const;
  /// docs/format.md, "State digest": equal exactly when two nodes have the same document. For each item in list order,
  /// hidden ones too: item id (32), visible (u8, 1 or 0), content_erased (u8), number of fields won by a set op (u32),
  /// and for each of those by name (bytewise): length of the name (u32), name, winner (32), erased (u8). An insert's
  /// initial fields are not among them: the item id commits to them, and after an erase nobody could tell their names.
  [[nodiscard]] Digest state_digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace musher
